"""Intervals and paired comparisons, of arrays alone.

intervals.py    bootstrap and Wilson intervals
comparison.py   two systems on the same rows; many comparisons at once
"""

"""One module per task; a module's file name is the task's name. See `finetune.task.Task` for the interface."""

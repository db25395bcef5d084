// What Gradio leaves undone for keyboards and screen readers: code and tables that scroll can be reached, the picture
// of an empty component, which carries a label, is called one, and a box of text keeps its name where the label's first
// control is a button to copy it; and a row of examples is chosen with the keys that press a button.
(() => {
  const mend = () => {
    document.querySelectorAll(".prose pre:not([tabindex]), .prose table:not([tabindex]), .tr-body:not([tabindex])").forEach((part) => {
      part.tabIndex = 0;
    });
    document.querySelectorAll(".empty[aria-label]:not([role])").forEach((part) => part.setAttribute("role", "img"));
    document.querySelectorAll("label:has(button) :is(textarea, input):not([aria-label])").forEach((part) => {
      const name = part.closest("label").querySelector("[data-testid='block-info']");
      if (name) part.setAttribute("aria-label", name.textContent.trim());
    });
  };
  document.addEventListener("keydown", (event) => {
    if (!["Enter", " "].includes(event.key) || !event.target.matches(".tr-body")) return;
    event.preventDefault();
    event.target.click();
  });
  new MutationObserver(mend).observe(document.documentElement, { childList: true, subtree: true });
  mend();
})();

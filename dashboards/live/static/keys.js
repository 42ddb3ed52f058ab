// The page by keyboard: what is shown can be filtered, walked through and opened.
const filter = document.getElementById("filter");
const help = document.getElementById("help");
const ITEMS = "details.group, details.gates, .sample, tbody tr";
const LISTED = "details.group, details.gates, table.sortable tbody tr, table.lights tr:not(.phase):not(thead tr)";

function applyFilter() {
  const wanted = filter.value.trim().toLowerCase();
  for (const item of document.querySelectorAll(LISTED)) {
    item.hidden = wanted !== "" && !item.textContent.toLowerCase().includes(wanted);
  }
}

const isShown = (element) => element.getClientRects().length > 0;
const shownItems = () => [...document.querySelectorAll(ITEMS)].filter(isShown);
const targetOf = (item) => item.querySelector(":scope > summary") ?? item;

function step(elements, by) {
  const active = document.activeElement;
  // The innermost one; outside of all, whichever lies next.
  let here = elements.findLastIndex((element) => element.contains(active));
  if (here < 0 && active !== document.body) {
    const behind = elements.findIndex((element) => active.compareDocumentPosition(element) & Node.DOCUMENT_POSITION_FOLLOWING);
    here = behind < 0 ? elements.length : behind;
    if (by > 0) here -= 1;
  }
  const next = elements[Math.min(Math.max(here + by, 0), elements.length - 1)];
  if (!next) return;
  const target = targetOf(next);
  if (target.tabIndex < 0) target.tabIndex = -1;
  target.focus();
  target.scrollIntoView({ block: "nearest" });
}

function openItem() {
  const item = document.activeElement.closest(ITEMS);
  if (item?.tagName === "DETAILS") item.open = !item.open;
  else item?.querySelector("a[href], button[data-act]")?.click();
}

const KEYS = {
  "/": () => filter.focus(),
  "?": () => help.showModal(),
  j: () => step(shownItems(), 1),
  k: () => step(shownItems(), -1),
  n: () => step([...document.querySelectorAll("#content > section")].filter(isShown), 1),
  p: () => step([...document.querySelectorAll("#content > section")].filter(isShown), -1),
  o: openItem,
  g: () => document.getElementById("home").click(),
};

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && event.target === filter) {
    filter.value = "";
    filter.blur();
    applyFilter();
  }
  const isTyping = event.target.closest("input, textarea, select, dialog");
  if (isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
  const act = KEYS[event.key];
  if (!act) return;
  event.preventDefault();
  act();
});
filter.addEventListener("input", applyFilter);
document.getElementById("show-help").addEventListener("click", () => help.showModal());

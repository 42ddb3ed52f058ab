// Puts what the server has drawn anew in place of what is shown, section by section.
const content = document.getElementById("content");
const liveness = document.getElementById("liveness");

const drawn = new WeakMap(); // what each section was made from

// A section in which somebody has marked text is left alone.
function inUse(part) {
  const selection = document.getSelection();
  return !selection.isCollapsed && part.contains(selection.anchorNode);
}

// What may be the same thing in a section as it is drawn now: in the group of the same id, or else of the same name.
function alike(part, one) {
  const group = one.closest("details[id]");
  const within = group ? part.querySelector(`#${group.id}`) : part;
  const all = [...(within?.querySelectorAll(one.tagName) ?? [])];
  return group ? all : all.filter((each) => wordsOf(each) === wordsOf(one));
}
const wordsOf = (element) => (element.querySelector("th") ?? element).textContent.replace(/[\d,.]+/g, "#").trim();

function keepFocus(old, replace) {
  const focused = document.activeElement;
  const within = focused !== document.body && old.contains(focused);
  const place = within ? alike(old, focused).indexOf(focused) : -1;
  const fresh = replace();
  const again = place < 0 ? undefined : alike(fresh, focused)[place];
  if (!again) return;
  if (focused.tabIndex < 0) again.tabIndex = -1;
  again.focus({ preventScroll: true });
}

// Counts change, names do not.
const nameOf = (details) => details.querySelector("summary").textContent.replace(/[\d,.]+/g, "#");

function keepOpenings(old, fresh) {
  const states = new Map([...old.querySelectorAll("details")].map((details) => [nameOf(details), details.open]));
  for (const details of fresh.querySelectorAll("details")) {
    details.open = states.get(nameOf(details)) ?? details.open;
  }
}

function keepOrders(old, fresh) {
  const before = [...old.querySelectorAll("table.sortable")];
  [...fresh.querySelectorAll("table.sortable")].forEach((table, index) => {
    makeSortable(table);
    const headings = [...(before[index]?.tHead.rows[0].cells ?? [])];
    const column = headings.findIndex((heading) => heading.ariaSort);
    if (column < 0) return;
    const heading = table.tHead.rows[0].cells[column];
    do heading.querySelector("button").click();
    while (heading.ariaSort !== headings[column].ariaSort);
  });
}

function show(html) {
  const parsed = document.createElement("main");
  parsed.innerHTML = html;
  const before = [...content.children];
  const after = [...parsed.children];
  after.forEach((fresh, index) => {
    const source = fresh.outerHTML;
    const old = before[index];
    if (old && (drawn.get(old) === source || inUse(old))) return;
    drawn.set(fresh, source);
    if (!old) {
      content.append(fresh);
      return;
    }
    keepOpenings(old, fresh);
    keepOrders(old, fresh);
    keepFocus(old, () => {
      old.replaceWith(fresh);
      return fresh;
    });
  });
  before.slice(after.length).forEach((old) => old.remove());
  applyFilter();
}

const events = new EventSource(content.dataset.events);
events.addEventListener("content", (event) => {
  show(JSON.parse(event.data));
  liveness.textContent = "live";
});
events.addEventListener("error", () => {
  liveness.textContent = "the dashboard does not answer; shown is the last it said";
});

// Asks who does something and why, has it done, and says how it came out.
const dialog = document.getElementById("act");
const form = dialog.querySelector("form");
const said = document.getElementById("act-said");
const rule = document.getElementById("act-rule");
const doIt = document.getElementById("act-do");

const ACTS = {
  recheck: { title: "Recheck", what: "The verifier compares the documents once more, and changes nothing." },
  repair: { title: "Repair", what: "The verifier copies the documents from MongoDB to the gateway, and compares them." },
  declare: { title: "Declare a rule", what: "It holds from here on, until it expires, and is written into the rules file with who declared it and why." },
  withdraw: { title: "Withdraw", what: "The rule excuses nothing from here on. It stays in the rules file as comments, with who withdrew it and why." },
};
let asked;

// What a rule says depends on what it does: only some ask for kinds of change, and one for how far apart.
const effect = document.getElementById("act-effect");
const tolerance = document.getElementById("act-tolerance");
const JUDGING = ["ignore", "tolerance"];

function chooseEffect() {
  const [option] = effect.selectedOptions;
  tolerance.hidden = tolerance.disabled = option.value !== "tolerance";
  const { changes } = form.elements;
  changes.value = option.dataset.changes ?? (JUDGING.includes(option.value) ? asked.about.changes ?? "" : "");
  changes.disabled = !JUDGING.includes(option.value);
}
effect.addEventListener("change", chooseEffect);

function open(button) {
  const about = button.closest(".acts").dataset;
  const act = ACTS[button.dataset.act];
  asked = { act: button.dataset.act, about: { ...about }, button, section: button.closest("section")?.getAttribute("aria-labelledby") };
  document.getElementById("act-title").textContent = `${act.title}: ${about.what}`;
  document.getElementById("act-what").textContent = act.what;
  doIt.textContent = act.title;
  doIt.disabled = false;
  said.textContent = "";
  form.elements.who.value ||= localStorage.getItem("parallax-who") ?? "";
  form.elements.why.value = "";
  rule.hidden = rule.disabled = asked.act !== "declare";
  for (const field of ["of", "path", "kinds", "absolute", "relative"]) form.elements[field].value = about[field] ?? "";
  effect.selectedIndex = 0;
  chooseEffect();
  dialog.showModal();
  (form.elements.who.value ? form.elements.why : form.elements.who).focus();
}

async function carryOut() {
  const fields = Object.fromEntries(new FormData(form));
  localStorage.setItem("parallax-who", fields.who);
  doIt.disabled = true;
  said.textContent = "asked; waiting for the verifier";
  try {
    const answer = await fetch(`/actions/${asked.act}`, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-Parallax-Proof": dialog.dataset.proof },
      body: JSON.stringify({ ...asked.about, ...fields }),
    });
    said.textContent = (await answer.json()).said.join("\n");
    said.className = answer.ok ? "" : "alarm";
  } catch {
    said.textContent = "the dashboard does not answer";
    said.className = "alarm";
  }
  doIt.disabled = false;
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-act]");
  if (button) open(button);
});
form.addEventListener("submit", (event) => {
  event.preventDefault();
  carryOut();
});
// The button may be drawn anew meanwhile, or be gone with what it was about: then what it stood in is gone on from.
dialog.addEventListener("close", () => {
  if (asked.button.isConnected) return;
  const key = (data) => JSON.stringify(Object.entries(data).sort());
  const buttons = [...document.querySelectorAll(`button[data-act="${asked.act}"]`)];
  const again = buttons.find((each) => key(each.closest(".acts").dataset) === key(asked.about));
  const target = again ?? document.getElementById(asked.section);
  if (!target) return;
  if (target.tabIndex < 0) target.tabIndex = -1;
  target.focus();
});
document.getElementById("act-close").addEventListener("click", () => dialog.close());

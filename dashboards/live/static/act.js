// Asks who does something and why, has it done, and says how it came out.
const dialog = document.getElementById("act");
const form = dialog.querySelector("form");
const said = document.getElementById("act-said");
const rule = document.getElementById("act-rule");
const doIt = document.getElementById("act-do");

const ACTS = {
  recheck: { title: "Recheck", what: "The verifier compares the documents once more, and changes nothing." },
  repair: { title: "Repair", what: "The verifier copies the documents from MongoDB to the gateway, and compares them." },
  declare: { title: "Declare a rule", what: "From here on these differences count no more, until the rule expires. It is written into the rules file." },
};
let asked;

function open(button) {
  const about = button.closest(".acts").dataset;
  const act = ACTS[button.dataset.act];
  asked = { act: button.dataset.act, about: { ...about } };
  document.getElementById("act-title").textContent = `${act.title}: ${about.what}`;
  document.getElementById("act-what").textContent = act.what;
  doIt.textContent = act.title;
  doIt.disabled = false;
  said.textContent = "";
  form.elements.who.value ||= localStorage.getItem("parallax-who") ?? "";
  form.elements.why.value = "";
  rule.hidden = rule.disabled = asked.act !== "declare";
  for (const field of ["of", "path", "changes"]) form.elements[field].value = about[field] ?? "";
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
document.getElementById("act-close").addEventListener("click", () => dialog.close());


// ---- links.js: a link opens what it points at, and what is to be quoted can be copied ----

/** Opens the element that the address names, and everything closed around it. */
function openTarget() {
  const id = decodeURIComponent(location.hash.slice(1));
  const target = id && document.getElementById(id);
  if (!target) return;
  let closed = false;
  for (let at = target; at; at = at.parentElement) {
    if (at.tagName === "DETAILS" && !at.open) closed = at.open = true;
  }
  if (closed) target.scrollIntoView();
}

addEventListener("hashchange", openTarget);
openTarget();

/** Copies a text; where the browser keeps the clipboard from a file, by way of a selection. */
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const field = document.createElement("textarea");
    field.value = text;
    document.body.append(field);
    field.select();
    document.execCommand("copy");
    field.remove();
  }
}

for (const line of document.querySelectorAll(".signature")) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copy";
  button.textContent = "Copy";
  button.addEventListener("click", async () => {
    await copy(line.querySelector("code").textContent);
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  });
  line.after(button);
}

"use strict";
// Without this script all pictures and texts are there: it adds the viewer's place, which is filled
// when somebody opens it, buttons that copy, and the flicker.
for (const box of document.querySelectorAll("details.viewer")) {
  box.addEventListener("toggle", () => {
    const frame = box.querySelector("iframe");
    if (box.open && !frame.src) frame.src = frame.dataset.src;
  });
}

for (const button of document.querySelectorAll("[data-copies]")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    const source = document.getElementById(button.dataset.copies);
    try {
      await navigator.clipboard.writeText(source.innerText);
    } catch {
      // a browser that keeps the clipboard from a page on the disk
      getSelection().selectAllChildren(source);
      document.execCommand("copy");
      getSelection().removeAllRanges();
    }
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  });
}

for (const box of document.querySelectorAll("[data-flicker]")) {
  const stage = box.querySelector("[data-stage]");
  const choices = [...box.querySelectorAll("select")];
  const run = box.querySelector("[data-run]");
  const beside = box.querySelector("[data-beside]");
  const press = (button, on) => button.setAttribute("aria-pressed", on);
  const pressed = (button) => button.getAttribute("aria-pressed") === "true";
  let shown = 0;
  let timer = 0;

  // The pictures are those of the page: nothing stands there twice.
  function draw() {
    const both = pressed(beside);
    stage.classList.toggle("beside", both);
    stage.replaceChildren(...(both ? choices : [choices[shown]]).map((choice) => {
      const source = document.getElementById(choice.value);
      const part = document.createElement("div");
      const name = document.createElement("p");
      const image = document.createElement("img");
      name.textContent = choice.selectedOptions[0].textContent;
      image.src = source.src;
      image.alt = source.alt;
      part.append(name, image);
      return part;
    }));
  }
  function step() {
    shown = 1 - shown;
    draw();
  }
  function stop() {
    clearInterval(timer);
    press(run, false);
  }
  run.addEventListener("click", () => {
    const on = !pressed(run);
    stop();
    press(beside, false);
    if (on) {
      press(run, true);
      timer = setInterval(step, 700);
    }
    draw();
  });
  beside.addEventListener("click", () => {
    const on = !pressed(beside);
    stop();
    press(beside, on);
    draw();
  });
  box.querySelector("[data-step]").addEventListener("click", () => {
    stop();
    press(beside, false);
    step();
  });
  for (const choice of choices) choice.addEventListener("change", draw);
  box.hidden = false;
  draw();
}

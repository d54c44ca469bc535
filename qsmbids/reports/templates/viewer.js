"use strict";
const part = (id) => document.getElementById(id);
const place = part("place");

async function unpacked(element) {
  const packed = Uint8Array.from(atob(element.textContent), (letter) => letter.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
}

function told(location) {
  const mm = [...location.mm].slice(0, 3).map((value) => Math.round(value) + 0);
  const values = location.values.map((one) =>
    one.name === "magnitude.nii" ? `magnitude ${one.value.toFixed(0)}` : `${one.value.toFixed(3)} ppm`);
  place.textContent = `x, y, z = ${mm.join(", ")} mm: ${values.reverse().join(", ")}`;
}

async function show() {
  const library = document.createElement("script");
  library.textContent = new TextDecoder().decode(await unpacked(part("library")));
  document.head.append(library);
  const viewer = new niivue.Niivue({
    backColor: [0.078, 0.086, 0.102, 1],
    crosshairColor: [0.3, 0.79, 0.94, 1],
    crosshairWidth: 0.6,
    crosshairWidthUnit: "mm",
    isColorbar: true,
    multiplanarShowRender: niivue.SHOW_RENDER.NEVER,
  });
  viewer.onLocationChange = told;
  await viewer.attachToCanvas(part("canvas"));
  viewer.setRadiologicalConvention(false);
  const under = part("magnitude");
  if (under) await viewer.loadFromArrayBuffer(await unpacked(under), "magnitude.nii");
  const top = under ? 1 : 0;
  const packed = [...document.querySelectorAll(".chi")];

  function draw() {
    const chi = viewer.volumes[top];
    chi.cal_min = Number(part("low").value);
    chi.cal_max = Number(part("high").value);
    chi.colorbarVisible = true;
    if (under) viewer.volumes[0].colorbarVisible = false;
    viewer.setOpacity(top, under ? 1 - Number(part("through").value) : 1);
    viewer.updateGLVolume();
  }
  async function choose() {
    if (viewer.volumes[top]) viewer.removeVolume(viewer.volumes[top]);
    const { value } = part("map");
    await viewer.loadFromArrayBuffer(await unpacked(packed[value]), "chi.nii");
    draw();
  }
  await choose();
  viewer.setSliceType(viewer.sliceTypeMultiplanar);
  viewer.createOnLocationChange();
  part("map").addEventListener("change", choose);
  part("view").addEventListener("change", (event) => viewer.setSliceType(Number(event.target.value)));
  for (const id of ["low", "high", "through"]) part(id)?.addEventListener("input", draw);
  part("controls").addEventListener("submit", (event) => event.preventDefault());
  document.body.dataset.ready = "yes";
}

show().catch((error) => {
  place.textContent = `The viewer needs WebGL 2 and a browser of 2023 or later (${error.message}).`;
});

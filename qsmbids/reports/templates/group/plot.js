// What all plots share: a canvas as wide as its place, points that can be found and followed.
const COLOURS = ["#1f77b4", "#c2560c", "#b02a6b", "#4a7d0a", "#7b52c8", "#5c6370"];
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const show = (value) => (value === null ? "" : String(Number(value.toPrecision(4))).replace("-", "\u2212"));

// A plot: `draw(pen, width, height)` returns the points drawn, each {x, y, at: series, text}.
function makePlot(place, height, label, draw) {
  const canvas = document.createElement("canvas");
  const told = document.createElement("p");
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", label);
  place.append(canvas, told);
  let points = [];
  const paint = () => {
    const width = place.clientWidth;
    if (!width) return;
    const scale = window.devicePixelRatio || 1;
    canvas.width = width * scale;
    canvas.height = height * scale;
    canvas.style.height = `${height}px`;
    const pen = canvas.getContext("2d");
    pen.scale(scale, scale);
    pen.font = "12px system-ui, sans-serif";
    points = draw(pen, width, height);
  };
  const nearest = (event) => {
    const box = canvas.getBoundingClientRect();
    let best = null;
    let least = 12; // pixels
    for (const point of points) {
      const distance = Math.hypot(point.x - (event.clientX - box.left), point.y - (event.clientY - box.top));
      if (distance < least) [best, least] = [point, distance];
    }
    return best;
  };
  canvas.addEventListener("mousemove", (event) => {
    const point = nearest(event);
    canvas.style.cursor = point && data.pages[point.at] ? "pointer" : "default";
    told.textContent = point ? `${data.series[point.at]}: ${point.text}` : "";
  });
  canvas.addEventListener("click", (event) => {
    const point = nearest(event);
    if (point && data.pages[point.at]) window.location.href = data.pages[point.at];
  });
  new ResizeObserver(paint).observe(place);
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paint);
  paint();
  return paint;
}

function dot(pen, x, y, colour, ring = false) {
  pen.beginPath();
  pen.arc(x, y, ring ? 5 : 2.5, 0, 2 * Math.PI);
  pen.globalAlpha = ring ? 1 : 0.6;
  pen.fillStyle = pen.strokeStyle = colour;
  if (ring) {
    pen.lineWidth = 2;
    pen.stroke();
  } else {
    pen.fill();
  }
  pen.globalAlpha = 1;
}

function line(pen, x1, y1, x2, y2, colour, width = 1) {
  pen.strokeStyle = colour;
  pen.lineWidth = width;
  pen.beginPath();
  pen.moveTo(x1, y1);
  pen.lineTo(x2, y2);
  pen.stroke();
}

// Round numbers for an axis from low to high.
function ticks(low, high, count) {
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].find((one) => one * power >= rough) * power;
  const found = [];
  for (let i = Math.ceil(low / step); i * step <= high; i++) found.push(Number((i * step).toPrecision(6)));
  return found;
}

// The ends of an axis that holds all values with a margin.
function ends(values) {
  const known = values.filter((value) => value !== null && value !== undefined);
  const low = Math.min(...known);
  const high = Math.max(...known);
  const margin = 0.05 * (high - low) || Math.abs(high) * 0.1 || 1;
  return [low - margin, high + margin];
}

const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
const median = (values) => {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
};
const deviation = (values) =>
  values.length > 1
    ? Math.sqrt(values.reduce((sum, value) => sum + (value - mean(values)) ** 2, 0) / (values.length - 1))
    : 0;

function fill(select, options) {
  select.replaceChildren(
    ...options.map(([value, text]) => Object.assign(document.createElement("option"), { value, textContent: text }))
  );
}

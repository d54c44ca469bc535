// A strip plot of each measure, a lane a method; who stands out is also linked below it.
const LANE = 44;
const NAMED = 12; // outliers linked below a strip

function addStrip(place, measure) {
  const lanes = measure.lanes.filter((lane) => lane.values.some((value) => value !== null));
  if (!lanes.length) return;
  const box = document.createElement("div");
  box.className = "strip";
  const title = document.createElement("h3");
  title.textContent = measure.unit ? `${measure.name} (${measure.unit})` : measure.name;
  box.append(title);
  place.append(box);
  const [low, high] = ends(lanes.flatMap((lane) => lane.values));
  const label = `Strip plot of ${measure.name}, ${lanes.length} lanes`;
  makePlot(box, LANE * lanes.length + 26, label, (pen, width, height) => {
    const side = lanes.some((lane) => lane.method) ? 92 : 8;
    const x = (value) => side + ((value - low) / (high - low)) * (width - side - 12);
    const [from, to] = measure.range;
    if (from !== null || to !== null) {
      const left = Math.max(x(from ?? low), side);
      pen.fillStyle = css("--good-bg");
      pen.fillRect(left, 0, Math.max(Math.min(x(to ?? high), x(high)) - left, 0), height - 26);
    }
    const points = [];
    lanes.forEach((lane, number) => points.push(...drawLane(pen, lane, number, x, measure)));
    pen.fillStyle = css("--ink");
    pen.textAlign = "center";
    for (const value of ticks(low, high, Math.max(4, width / 110))) {
      line(pen, x(value), height - 26, x(value), height - 21, css("--faint"));
      pen.fillText(show(value), Math.min(Math.max(x(value), 16), width - 16), height - 8);
    }
    return points;
  });
  addOutliers(box, lanes, measure);
}

function drawLane(pen, lane, number, x, measure) {
  const middle = LANE * (number + 0.5);
  const out = new Set(lane.out);
  const points = [];
  pen.fillStyle = css("--ink");
  pen.textAlign = "left";
  pen.fillText(lane.method, 4, middle + 4, 84);
  lane.values.forEach((value, at) => {
    if (value === null) return;
    const y = middle + (((at * 0.618034) % 1) - 0.5) * (LANE - 14); // spread evenly, always alike
    dot(pen, x(value), y, COLOURS[number % COLOURS.length], out.has(at));
    points.push({ x: x(value), y, at, text: `${show(value)} ${measure.unit}` });
  });
  const half = x(median(lane.values.filter((value) => value !== null)));
  line(pen, half, middle - LANE / 2 + 3, half, middle + LANE / 2 - 3, css("--ink"), 2);
  return points;
}

function addOutliers(box, lanes, measure) {
  const found = lanes.flatMap((lane) => lane.out.map((at) => ({ at, value: lane.values[at], method: lane.method })));
  if (!found.length) return;
  const text = document.createElement("p");
  text.append("Outliers: ");
  found.slice(0, NAMED).forEach(({ at, value, method }, number) => {
    const page = data.pages[at];
    const name = document.createElement(page ? "a" : "span");
    if (page) name.href = page;
    name.textContent = [data.series[at], method].filter(Boolean).join(" ");
    text.append(number ? ", " : "", name, ` (${show(value)})`);
  });
  if (found.length > NAMED) text.append(` and ${found.length - NAMED} more`);
  box.append(text);
}

data.measures.forEach((measure) => addStrip(document.getElementById("strips"), measure));

// Region values against age, sex or group: a scatter with the model's line, or a strip a level.
function drawAxes(pen, width, height, low, high, unit) {
  const y = (value) => height - 34 - ((value - low) / (high - low)) * (height - 48);
  pen.textAlign = "right";
  for (const value of ticks(low, high, 5)) {
    line(pen, 58, y(value), width - 8, y(value), css("--line"));
    pen.fillStyle = css("--ink");
    pen.fillText(show(value), 52, y(value) + 4);
  }
  pen.textAlign = "left";
  pen.fillText(unit, 4, 12);
  return y;
}

function drawNumbers(pen, width, height, shown, chosen, name) {
  const [first, last] = ends(shown.map((one) => one.level));
  const x = (value) => 62 + ((value - first) / (last - first)) * (width - 78);
  const y = drawAxes(pen, width, height, ...ends(shown.map((one) => one.value)), chosen.unit);
  pen.textAlign = "center";
  for (const value of ticks(first, last, Math.max(4, width / 110))) pen.fillText(show(value), x(value), height - 16);
  pen.fillText(name, width / 2, height - 2);
  if (chosen.slope !== null && name === "age") {
    const [a, b] = [mean(shown.map((one) => one.level)), mean(shown.map((one) => one.value))];
    const at = (value) => y(b + chosen.slope * (value - a));
    line(pen, x(first), at(first), x(last), at(last), css("--ink"), 2);
  }
  return shown.map((one) => ({ ...one, x: x(one.level), y: y(one.value) }));
}

function drawLevels(pen, width, height, shown, chosen) {
  const levels = [...new Set(shown.map((one) => one.level))].sort();
  const y = drawAxes(pen, width, height, ...ends(shown.map((one) => one.value)), chosen.unit);
  const step = (width - 70) / levels.length;
  pen.textAlign = "center";
  levels.forEach((level, number) => {
    const values = shown.filter((one) => one.level === level).map((one) => one.value);
    const [middle, spread, x] = [mean(values), deviation(values), 62 + step * (number + 0.5)];
    pen.fillStyle = css("--ink");
    pen.fillText(`${level} (${values.length})`, x, height - 14, step - 4);
    line(pen, x - 0.3 * step, y(middle), x + 0.3 * step, y(middle), css("--ink"), 2);
    for (const end of [-1, 1]) line(pen, x, y(middle), x, y(middle + end * spread), css("--ink"), 2);
  });
  return shown.map((one) => {
    const jitter = (((one.at * 0.618034) % 1) - 0.5) * 0.5;
    return { ...one, x: 62 + step * (levels.indexOf(one.level) + 0.5 + jitter), y: y(one.value) };
  });
}

function makeRegions(form) {
  const { title, region, variable } = form.elements;
  const names = Object.keys(data.variables);
  fill(title, [...new Set(data.regions.map((one) => one.title))].map((one) => [one, one]));
  fill(variable, [...names.map((one) => [one, one]), ["", "nothing"]]);
  const fillRegions = () => {
    const before = region.value;
    const own = data.regions.filter((one) => one.title === title.value).map((one) => one.region);
    fill(region, own.map((one) => [one, one]));
    if (own.includes(before)) region.value = before;
  };
  fillRegions();
  const place = document.getElementById("scatter");
  place.className = "plot";
  const paint = makePlot(place, 340, "Region values of the participants", (pen, width, height) => {
    const chosen = data.regions.find((one) => one.title === title.value && one.region === region.value);
    const column = data.variables[variable.value];
    const shown = [];
    const firsts = new Set(data.firsts[title.value]);
    chosen.values.forEach((value, at) => {
      const level = column ? column[at] : "all";
      if (value === null || level === null || !firsts.has(at)) return;
      shown.push({ at, value, level, text: `${show(value)} ${chosen.unit}${column ? `, ${variable.value} ${level}` : ""}` });
    });
    if (!shown.length) return [];
    const numbers = column && shown.every((one) => typeof one.level === "number");
    const points = (numbers ? drawNumbers : drawLevels)(pen, width, height, shown, chosen, variable.value);
    points.forEach((one) => dot(pen, one.x, one.y, COLOURS[0]));
    return points;
  });
  form.addEventListener("input", (event) => {
    if (event.target === title) fillRegions();
    paint();
  });
}

if (data.regions.length) makeRegions(document.getElementById("region-choice"));

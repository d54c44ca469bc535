// Longitudinal sessions side by side: one number, a line a participant, a column a session.
function sessionsOf() {
  const found = new Map(); // participant and what else tells its series apart -> session -> series
  data.series.forEach((key, at) => {
    const session = /_ses-([^_]+)/.exec(key);
    if (!session) return;
    const rest = key.replace(session[0], "");
    if (!found.has(rest)) found.set(rest, new Map());
    found.get(rest).set(session[1], at);
  });
  for (const [rest, own] of found) if (own.size < 2) found.delete(rest);
  return found;
}

function quantities() {
  const measures = data.measures.flatMap((one) =>
    one.lanes.map((lane) => ({ name: [one.name, lane.method].filter(Boolean).join(", "), unit: one.unit, values: lane.values }))
  );
  const regions = data.regions.map((one) => ({ name: `${one.region}, ${one.title}`, unit: one.unit, values: one.values }));
  return [...regions, ...measures];
}

function drawCourses(pen, width, height, people, sessions, chosen) {
  const known = people.flatMap(([, own]) => [...own.values()].map((at) => chosen.values[at]));
  if (!known.some((value) => value !== null)) return [];
  const y = drawAxes(pen, width, height, ...ends(known), chosen.unit);
  const x = (session) => 62 + ((width - 70) / sessions.length) * (sessions.indexOf(session) + 0.5);
  const points = [];
  pen.textAlign = "center";
  sessions.forEach((session) => pen.fillText(`ses-${session}`, x(session), height - 14));
  for (const [, own] of people) {
    const course = sessions
      .filter((session) => own.has(session) && chosen.values[own.get(session)] !== null)
      .map((session) => ({ x: x(session), at: own.get(session), value: chosen.values[own.get(session)] }))
      .map((one) => ({ ...one, y: y(one.value), text: `${show(one.value)} ${chosen.unit}` }));
    pen.globalAlpha = 0.35;
    course.slice(1).forEach((one, number) => line(pen, course[number].x, course[number].y, one.x, one.y, css("--ink")));
    pen.globalAlpha = 1;
    points.push(...course);
  }
  points.forEach((one) => dot(pen, one.x, one.y, COLOURS[0]));
  return points;
}

function fillTable(table, people, sessions, chosen) {
  const row = (cells, tag) => {
    const made = document.createElement("tr");
    cells.forEach((cell, number) => {
      const one = document.createElement(tag);
      if (number) one.className = "number";
      if (tag === "td" && number) one.dataset.sort = cell ?? "";
      one.append(number && tag === "td" ? show(cell) : cell);
      made.append(one);
    });
    return made;
  };
  const head = document.createElement("thead");
  const body = document.createElement("tbody");
  const [first, last] = [sessions[0], sessions[sessions.length - 1]];
  head.append(row(["Series", ...sessions.map((one) => `ses-${one}`), `ses-${last} \u2212 ses-${first}`], "th"));
  for (const [name, own] of people) {
    const values = sessions.map((one) => (own.has(one) ? chosen.values[own.get(one)] : null));
    const [before, after] = [values[0], values[values.length - 1]];
    const page = data.pages[[...own.values()][0]];
    const who = document.createElement(page ? "a" : "span");
    if (page) who.href = page;
    who.textContent = name;
    body.append(row([who, ...values, before === null || after === null ? null : after - before], "td"));
  }
  table.replaceChildren(head, body);
  makeSortable(table);
}

function makeSessions(form) {
  const people = [...sessionsOf()];
  const every = quantities();
  if (!people.length || !every.length) return;
  const sessions = [...new Set(people.flatMap(([, own]) => [...own.keys()]))].sort((a, b) =>
    a.localeCompare(b, "en", { numeric: true })
  );
  document.getElementById("sessions").hidden = false;
  document.getElementById("to-sessions").hidden = false;
  fill(form.elements.quantity, every.map((one, number) => [number, one.unit ? `${one.name} (${one.unit})` : one.name]));
  const chosen = () => every[Number(form.elements.quantity.value)];
  const place = document.getElementById("courses");
  place.className = "plot";
  const paint = makePlot(place, 300, "One number by session, a line a participant", (pen, width, height) =>
    drawCourses(pen, width, height, people, sessions, chosen())
  );
  const update = () => {
    paint();
    fillTable(document.getElementById("session-table"), people, sessions, chosen());
  };
  form.addEventListener("input", update);
  update();
}

makeSessions(document.getElementById("session-choice"));

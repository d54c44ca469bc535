"use strict";
// The table of all maps: sorted by the heading that is clicked, filtered by the form above it.
const data = JSON.parse(document.getElementById("data").textContent);

function makeSortable(table) {
  const headings = [...table.tHead.rows[0].cells];
  headings.forEach((heading, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = heading.textContent;
    heading.replaceChildren(button);
    button.addEventListener("click", () => {
      const down = heading.getAttribute("aria-sort") === "ascending";
      headings.forEach((one) => one.removeAttribute("aria-sort"));
      heading.setAttribute("aria-sort", down ? "descending" : "ascending");
      sortBy(table, column, down ? -1 : 1);
    });
  });
}

function sortBy(table, column, direction) {
  const body = table.tBodies[0];
  const keyed = [...body.rows].map((row) => {
    const cell = row.cells[column];
    return { row, key: cell.dataset.sort ?? cell.textContent.trim() };
  });
  const numbers = keyed.every(({ key }) => Number.isFinite(Number(key)));
  const compare = (a, b) => (numbers ? Number(a) - Number(b) : a.localeCompare(b, "en", { numeric: true }));
  keyed.sort((a, b) => {
    if (a.key === "" || b.key === "") return (a.key === "") - (b.key === ""); // what is unknown comes last
    return direction * compare(a.key, b.key);
  });
  body.append(...keyed.map(({ row }) => row));
}

function makeFilter(form, table, shown) {
  const rows = [...table.tBodies[0].rows].map((row) => ({ row, text: row.textContent.toLowerCase() }));
  const apply = () => {
    const words = form.elements.text.value.toLowerCase().split(/\s+/).filter(Boolean);
    const status = form.elements.status.value;
    const method = form.elements.method.value;
    let count = 0;
    for (const { row, text } of rows) {
      const fits =
        words.every((word) => text.includes(word)) &&
        (!status || row.dataset.status === status) &&
        (!method || row.dataset.method === method) &&
        (!form.elements.outlier.checked || "outlier" in row.dataset);
      row.hidden = !fits;
      count += fits;
    }
    shown.textContent = `${count} of ${rows.length} rows`;
  };
  form.addEventListener("input", apply);
  form.addEventListener("submit", (event) => event.preventDefault());
  apply();
}

makeSortable(document.getElementById("rows"));
makeFilter(document.getElementById("filter"), document.getElementById("rows"), document.getElementById("shown"));

"use strict";
(() => {
  const number = (cell) => {
    const text = (cell ? cell.textContent : "").trim().replace(/[,%\u202f ]/g, "");
    return text === "" ? null : Number(text);
  };
  const compared = (a, b, place, isNumber) => {
    const cells = [a.cells[place], b.cells[place]];
    if (isNumber) {
      const [x, y] = cells.map(number);
      if (x === null || y === null || Number.isNaN(x) || Number.isNaN(y)) {
        return (x === null || Number.isNaN(x)) - (y === null || Number.isNaN(y));
      }
      return x - y;
    }
    const [x, y] = cells.map((cell) => (cell ? cell.textContent.trim() : ""));
    return x.localeCompare(y, "en", { numeric: true });
  };
  const sort = (table, head, place) => {
    const up = head.getAttribute("aria-sort") !== "ascending";
    for (const one of table.tHead.rows[0].cells) one.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
    const isNumber = head.classList.contains("number");
    const body = table.tBodies[0];
    const rows = [...body.rows].sort((a, b) => compared(a, b, place, isNumber) * (up ? 1 : -1));
    body.append(...rows);
  };
  const filter = (table) => {
    const label = document.createElement("label");
    const input = document.createElement("input");
    const told = document.createElement("span");
    label.className = "filter";
    input.type = "search";
    told.setAttribute("role", "status");
    label.append("Only rows with ", input, " ", told);
    input.addEventListener("input", () => {
      const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      let left = 0;
      for (const row of table.tBodies[0].rows) {
        const text = row.textContent.toLowerCase();
        row.hidden = !words.every((word) => text.includes(word));
        left += !row.hidden;
      }
      told.textContent = words.length ? `${left} of ${table.tBodies[0].rows.length}` : "";
    });
    (table.closest(".scroll") || table).before(label);
  };
  for (const dialog of document.querySelectorAll("dialog[popover]")) {
    dialog.addEventListener("beforetoggle", (event) => {
      const small = document.querySelector(`[popovertarget="${dialog.id}"] img`);
      const large = dialog.querySelector(".large");
      if (event.newState === "open" && small && !large.firstChild) large.append(small.cloneNode());
    });
  }
  for (const table of document.querySelectorAll("table[data-sortable]")) {
    [...table.tHead.rows[0].cells].forEach((head, place) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      button.addEventListener("click", () => sort(table, head, place));
      head.append(button);
    });
    if (table.tBodies[0].rows.length > 9) filter(table);
  }
})();

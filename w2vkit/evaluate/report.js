// A click on a heading sorts its table, numbers by value and the rest as text; a second click reverses the order.
for (const th of document.querySelectorAll(".sortable thead th")) {
  const sort = () => {
    const body = th.closest("table").tBodies[0], column = th.cellIndex;
    const down = th.getAttribute("aria-sort") !== "descending";
    const value = row => row.cells[column].textContent;
    const key = text => text === "-" ? -1 : Number(text.replace(/[, %]/g, ""));
    const rows = [...body.rows];
    const numeric = rows.every(row => !isNaN(key(value(row))));
    rows.sort((a, b) => numeric ? key(value(a)) - key(value(b)) : value(a).localeCompare(value(b)));
    if (down) rows.reverse();
    for (const other of th.parentNode.cells) other.removeAttribute("aria-sort");
    th.setAttribute("aria-sort", down ? "descending" : "ascending");
    body.append(...rows);
  };
  th.tabIndex = 0;
  th.onclick = sort;
  th.onkeydown = event => { if (event.key === "Enter") sort(); };
}

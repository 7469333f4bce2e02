"""How the HTML report looks (light and dark, wide and narrow), and how its tables are sorted."""

STYLE = """
:root{--page:#fff;--ink:#1c2430;--faint:#5b6675;--line:#d8dde4;--card:#f5f7f9;--bar:#3d7ab8;--band:#3d7ab833;
--lost:#b3261e;--lost-bg:#fbe4e1;--new:#0b5f8a;--new-bg:#dcf0fa}
@media(prefers-color-scheme:dark){:root{--page:#12161c;--ink:#e4e8ee;--faint:#9aa6b5;--line:#323a45;--card:#1b212a;
--bar:#6ba6e0;--band:#6ba6e033;--lost:#ff9c92;--lost-bg:#4a1f1c;--new:#8cd0f5;--new-bg:#123a50}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:16px/1.5 system-ui,sans-serif}
main{max-width:1080px;margin:0 auto;padding:24px 16px 64px}
h1{font-size:1.5rem;line-height:1.25;overflow-wrap:anywhere}h2{font-size:1.15rem;margin:2rem 0 .5rem}
h3{font-size:1rem;margin:0;overflow-wrap:anywhere}small{color:var(--faint);font-weight:400}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(280px,1fr));gap:10px;margin:1rem 0}
.tiles div{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:10px 14px}
dt{color:var(--faint)}dd{margin:0;font-size:1.3rem;font-variant-numeric:tabular-nums}
dd small{display:block;font-size:.8rem;line-height:1.35}
.note{border-left:4px solid var(--bar);background:var(--card);padding:8px 12px;margin:.5rem 0;overflow-wrap:anywhere}
.pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(300px,1fr));gap:0 32px}
table{border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:.9rem}
th,td{text-align:left;vertical-align:top;padding:4px 14px 4px 0;border-bottom:1px solid var(--line)}
thead th{color:var(--faint);font-weight:600;white-space:nowrap}
td:not(:first-child,.text,.reason){white-space:nowrap}
td:first-child{overflow-wrap:break-word;max-width:18em}.wide{overflow-x:auto}.wide table{width:100%}
.texts td:first-child{min-width:11.5em}
.wide svg{min-width:600px}
.sortable thead th{cursor:pointer}.sortable thead th:focus-visible{outline:2px solid var(--bar)}
th[aria-sort=ascending]::after{content:" \\2191"}th[aria-sort=descending]::after{content:" \\2193"}
.bars{width:100%}.bars th{font-weight:400;white-space:nowrap;width:1%}.bars th,.bars td{border:0}
.bar i{display:block;height:10px;min-width:2px;background:var(--bar);border-radius:2px;margin-top:5px}
.bar span{color:var(--faint);font-size:.8rem}
svg{display:block;width:100%;height:auto}svg text{fill:var(--faint);font-size:12px}
.grid{stroke:var(--line)}.mean{stroke:var(--bar);stroke-dasharray:5 4}.band{fill:var(--band)}circle{fill:var(--bar)}
ol{padding-left:1.4rem}li{margin-bottom:1rem}li p{margin:.2rem 0;overflow-wrap:anywhere}
audio{width:100%;max-width:420px;height:36px}
s{color:var(--lost);background:var(--lost-bg);border-radius:3px;padding:0 2px}
b,ins{color:var(--new);background:var(--new-bg);border-radius:3px;padding:0 2px;font-weight:600}
s+b{border-radius:0 3px 3px 0}ins{text-underline-offset:3px}
summary{cursor:pointer;margin:.5rem 0}
@media(max-width:640px){.texts,.texts thead,.texts tbody{display:block}
.texts tr{display:grid;grid-template-columns:10.5em 1fr 1fr 1fr 1.2fr;border-bottom:1px solid var(--line);font-size:.8rem}
.texts th,.texts td{border:0;padding-right:6px}.texts td:first-child{min-width:0}
.texts .text,.texts th:last-child{grid-column:1/-1}}
"""

# Numbers are sorted as such, the others as text; a second click turns the order.
SCRIPT = """
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
"""

// Long tables can be sorted and searched; lists open before printing and where a link leads into them.
(() => {
  const day = /^\d{1,2} [A-Z][a-z]+ \d{4}$/;
  const number = (text) => (day.test(text) ? Date.parse(text) : /^[+-]?[\d.]/.test(text) ? parseFloat(text.replace(/,/g, "")) : NaN);
  const compare = (a, b) => {
    const [x, y] = [number(a), number(b)];
    return isNaN(x) || isNaN(y) ? isNaN(x) - isNaN(y) || a.localeCompare(b) : x - y;
  };
  for (const figure of document.querySelectorAll("figure.long")) {
    const body = figure.querySelector("tbody"), rows = [...body.rows], title = figure.querySelector("figcaption").textContent;
    const search = Object.assign(document.createElement("input"), { type: "search", placeholder: "Search " + rows.length + " rows" });
    search.setAttribute("aria-label", "Search in " + title);
    search.addEventListener("input", () => {
      const wanted = search.value.toLowerCase();
      for (const row of rows) row.hidden = !row.textContent.toLowerCase().includes(wanted);
    });
    figure.querySelector("figcaption").after(search);
    figure.querySelectorAll("th").forEach((head, place) => {
      const button = document.createElement("button");
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const down = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
        figure.querySelectorAll("th").forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", down < 0 ? "descending" : "ascending");
        const text = (row) => row.cells[place].textContent;
        const known = (row) => text(row) !== "–" && text(row) !== "";
        body.append(...rows.sort((a, b) => known(b) - known(a) || down * compare(text(a), text(b))));
      });
    });
  }
  for (const picture of document.querySelectorAll(".output_png")) picture.tabIndex = 0; // so that keys scroll it on a phone
  const open = (element) => { for (let e = element; e; e = e.parentElement) if (e.tagName === "DETAILS") e.open = true; };
  const follow = () => { const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1))); if (target) { open(target); const own = target.querySelector(":scope > details"); if (own) own.open = true; target.scrollIntoView(); } };
  addEventListener("hashchange", follow);
  follow();
  addEventListener("beforeprint", () => document.querySelectorAll("details:not(.fold)").forEach((e) => { e.open = true; }));
})();

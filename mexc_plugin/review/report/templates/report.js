"use strict";
(() => {
  const byId = (id) => document.getElementById(id);

  // -- light and dark

  const theme = byId("theme");
  const root = document.documentElement;
  const prefersDark = () => matchMedia("(prefers-color-scheme: dark)").matches;
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : prefersDark());
  const named = () => { theme.textContent = isDark() ? "Light" : "Dark"; };
  theme.hidden = false;
  theme.addEventListener("click", () => { root.dataset.theme = isDark() ? "light" : "dark"; named(); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", named);
  named();

  // -- the rows

  if (!byId("data")) return;
  const { columns, rows, series, groups, chips } = JSON.parse(byId("data").textContent);
  const at = Object.fromEntries(columns.map((name, index) => [name, index]));
  const PAGE = 100;
  // What a link may ask for, and whether a row is it.
  const same = (name) => (row, wanted) => String(row[at[name]] ?? "") === wanted;
  const asks = {
    outcome: (row, wanted) => (groups[wanted] || [wanted]).includes(row[at.outcome]),
    series: (row, wanted) => (series[wanted] || []).includes(row[at.outcome]),
    time: (row, wanted) => String(row[at["asked at"]]).startsWith(wanted),
    order: (row, wanted) => row[at.order] === wanted || row[at["client order"]] === wanted,
    q: (row, wanted) => row.some((value) => value !== null && String(value).toLowerCase().includes(wanted.toLowerCase())),
    answered: same("answered"), code: same("code"), message: same("message"), error: same("error"),
    bot: same("bot"), symbol: same("symbol"), account: same("account"), cancel: same("cancel"),
  };
  let query = new URLSearchParams();
  let counted = null;
  let sorted = { index: at["asked at"], up: false };
  let shown = PAGE;
  let found = rows;

  const filtered = () => rows.filter((row) => [...query].every(([name, value]) => !asks[name] || asks[name](row, value)));
  const before = (a, b) => {
    if (a === b) return 0;
    if (a === null || a === "") return 1;
    if (b === null || b === "") return -1;
    const order = typeof a === "number" && typeof b === "number" ? a - b : String(a) < String(b) ? -1 : 1;
    return sorted.up ? order : -order;
  };
  const node = (tag, text, name) => {
    const made = document.createElement(tag);
    if (text !== undefined) made.textContent = text;
    if (name) made.className = name;
    return made;
  };
  // As showing.duration has them.
  const took = (us) => {
    if (us === null) return "";
    const shown = Number(us.toPrecision(3));
    for (const [unit, name] of [[1e6, "s"], [1e3, "ms"]])
      if (shown >= unit) return `${(us / unit).toFixed(shown < 10 * unit ? 2 : shown < 100 * unit ? 1 : 0)} ${name}`;
    return `${us} µs`;
  };

  const line = (text, kind) => (text === null || text === "" ? null : node("div", text, kind));
  const chip = (outcome) => {
    const [sign, kind, words] = chips[outcome] || ["·", "", outcome];
    const made = node("span", undefined, `outcome ${kind}`);
    const mark = node("span", sign);
    mark.setAttribute("aria-hidden", "true");
    made.append(mark, ` ${words}`);
    return made;
  };
  const first = (row) => row[at.answered] === row[at.outcome] || (row[at.answered] === null && row[at.outcome] === "pending")
    ? null : line(`${(row[at.answered] || "no answer").replaceAll("_", " ")} at first`, "soft");
  const answer = (row) => [[row[at.code], row[at.message]].filter(Boolean).join(" "), row[at.error]].filter(Boolean);
  const filled = (value) => value && (value.startsWith("?/") ? `amount ${value.slice(2)}` : `filled ${value.replace("/", " of ")}`);
  // The columns that are shown: heading, class, what they are sorted by, and what a cell holds.
  const VIEW = [
    ["requested", "time", "asked at", (row) => [line(row[at["asked at"]]), line(row[at.cancel], "id soft")]],
    ["outcome", "", "outcome", (row) => [chip(row[at.outcome]), first(row), row[at.try] > 1 ? line(`attempt ${row[at.try]}`, "soft") : null]],
    ["order", "", "symbol", (row) => [line(row[at.symbol]), line(row[at.order], "id"),
      row[at["client order"]] === row[at.order] ? null : line(row[at["client order"]], "id soft")]],
    ["bot", "", "bot", (row) => [line(row[at.bot]), line(row[at.account], "id soft")]],
    ["latency", "number", "took", (row) => [line(took(row[at.took]))]],
    ["answer", "long", "code", (row) => [...answer(row).map((text, index) => line(text, index ? "soft" : "")),
      line(filled(row[at.filled]), "soft")]],
  ];

  const head = () => {
    const cells = VIEW.map(([name, kind, by], index) => {
      const cell = node("th", undefined, kind);
      cell.scope = "col";
      const button = node("button", name);
      button.type = "button";
      button.addEventListener("click", () => {
        sorted = { index: at[by], up: sorted.index === at[by] ? !sorted.up : true };
        draw();
        byId("table").tHead.rows[0].cells[index].firstChild.focus();
      });
      if (sorted.index === at[by]) cell.setAttribute("aria-sort", sorted.up ? "ascending" : "descending");
      cell.append(button);
      return cell;
    });
    const made = node("tr");
    made.append(...cells);
    byId("table").tHead.replaceChildren(made);
  };
  const body = () => {
    const lines = found.slice(0, shown).map((row) => {
      const made = node("tr");
      for (const [, kind, , cell] of VIEW) {
        const data = node("td", undefined, kind);
        data.append(...cell(row).filter(Boolean));
        made.append(data);
      }
      return made;
    });
    byId("table").tBodies[0].replaceChildren(...lines);
  };
  const labels = () => {
    const made = [...query].filter(([name]) => name !== "q" && name !== "outcome").map(([name, value]) => {
      const chip = node("button", `${name}: ${value || "(none)"} ×`);
      chip.type = "button";
      chip.setAttribute("aria-label", `Remove the filter ${name} ${value}`);
      chip.addEventListener("click", () => { query.delete(name); ask(); });
      return chip;
    });
    byId("chips").replaceChildren(...made);
  };
  const number = (value) => value.toLocaleString("en-GB");
  const status = () => {
    const several = found.length === 1 ? "row" : "rows";
    let words = `${number(found.length)} ${several}`;
    if (query.size) words += ` of the ${number(rows.length)} that are embedded here`;
    if (counted !== null && counted > found.length) {
      words += `; the number that you followed counts ${number(counted)} attempts, the others are in the record only`;
    }
    byId("status").textContent = `${words}.`;
  };
  const draw = () => {
    found = filtered().sort((a, b) => before(a[sorted.index], b[sorted.index]));
    head();
    body();
    labels();
    status();
    byId("search").value = query.get("q") || "";
    byId("outcome").value = query.get("outcome") || "";
    byId("more").hidden = found.length <= shown;
  };
  const ask = () => { counted = null; shown = PAGE; history.replaceState(null, "", `#rows?${query}`); draw(); };
  const follow = () => {
    const [place, words] = location.hash.slice(1).split(/\?(.*)/s);
    if (place !== "rows") return;
    query = new URLSearchParams(words || "");
    shown = PAGE;
    draw();
    byId("rows").scrollIntoView();
    byId("rows").focus({ preventScroll: true });
  };

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href^='#rows']");
    if (!link) return;
    event.preventDefault();
    counted = link.dataset && link.dataset.count ? Number(link.dataset.count) : null;
    history.pushState(null, "", link.getAttribute("href"));
    follow();
  });
  addEventListener("popstate", () => { counted = null; follow(); });
  byId("search").addEventListener("input", (event) => {
    if (event.target.value) query.set("q", event.target.value); else query.delete("q");
    ask();
  });
  byId("outcome").addEventListener("change", (event) => {
    if (event.target.value) query.set("outcome", event.target.value); else query.delete("outcome");
    ask();
  });
  byId("more").addEventListener("click", () => { shown += PAGE; body(); byId("more").hidden = found.length <= shown; });
  byId("controls").hidden = false;
  draw();
  follow();
})();

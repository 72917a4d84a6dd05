// What a page does beyond links and forms: ages that grow, keys, and rows that come by themselves.
// Everything works without it, but for the last.

const byId = (id) => document.getElementById(id);

// -- ages

const STEPS = [[60, 1, "s"], [3600, 60, "min"], [86400, 3600, "h"], [Infinity, 86400, "d"]];

function age(then) {
  const seconds = Math.floor((Date.now() - Date.parse(then)) / 1000);
  if (seconds < 0) return "ahead of this clock";
  const [, unit, name] = STEPS.find(([below]) => seconds < below);
  return `${Math.floor(seconds / unit).toLocaleString("en")} ${name} ago`;
}

function growOlder() {
  for (const element of document.querySelectorAll("[data-age]")) {
    const words = age(element.dataset.age);
    if (element.textContent !== words) element.textContent = words;
  }
}

setInterval(growOlder, 1000);

// -- a time in the zone of whoever looks, for the mouse that rests on it

addEventListener("pointerover", (event) => {
  const spot = event.target.closest(".when a") ?? event.target.closest("time[datetime]");
  const time = spot?.matches("time") ? spot : spot?.querySelector("time");
  if (!time || spot.title) return;
  const then = new Date(time.dateTime);
  const zone = new Intl.DateTimeFormat("en-GB", { timeZoneName: "short" }).formatToParts(then);
  const name = zone.find((part) => part.type === "timeZoneName").value;
  spot.title = `${then.toLocaleString("sv-SE")} ${name}, your time`;
});

// -- how the page looks: kept in cookies, so that the next page comes as it is to be

const root = document.documentElement;

function keep(name, value) {
  const seconds = value ? 31536000 : 0;
  document.cookie = `mexc-plugin-${name}=${value}; Path=/; SameSite=Strict; Max-Age=${seconds}`;
  if (value) root.dataset[name] = value;
  else delete root.dataset[name];
}

const dark = matchMedia("(prefers-color-scheme: dark)");
const system = () => (dark.matches ? "dark" : "light");
const other = () => ((root.dataset.theme ?? system()) === "dark" ? "light" : "dark");
const nameTheme = () => { byId("theme").textContent = other() === "dark" ? "Dark" : "Light"; };

byId("theme").addEventListener("click", () => {
  const chosen = other();
  // What the system has anyway is followed again.
  keep("theme", chosen === system() ? "" : chosen);
  nameTheme();
});
dark.addEventListener("change", nameTheme);
nameTheme();

byId("compact")?.addEventListener("click", (event) => {
  keep("rows", root.dataset.rows ? "" : "compact");
  event.target.setAttribute("aria-pressed", String(Boolean(root.dataset.rows)));
});
byId("show-keys").addEventListener("click", () => byId("keys").showModal());
for (const id of ["theme", "compact", "show-keys"]) byId(id)?.removeAttribute("hidden");

// -- rows: a click anywhere in one opens it, as its link does, and text in it can be selected

const DOUBLE_CLICK_MS = 250;
let opening;
root.dataset.scripted = "";

function isSelectedIn(element) {
  const selection = getSelection();
  return !selection.isCollapsed && selection.containsNode(element, true);
}

// The link of the row that was clicked; none where the click is on a link already.
function linkOf(event) {
  const row = event.target.closest("a") ? null : event.target.closest("#rows [data-key]");
  return row?.querySelector(".when a");
}

document.addEventListener("click", (event) => {
  clearTimeout(opening);
  if (byId("rows")?.contains(event.target) && isSelectedIn(byId("rows"))) return event.preventDefault();
  const link = linkOf(event);
  // The second click of two selects a word.
  if (!link || event.detail > 1) return;
  if (event.ctrlKey || event.metaKey || event.shiftKey) open(link.href, "_blank", "noopener");
  else opening = setTimeout(() => location.assign(link.href), DOUBLE_CLICK_MS);
});
document.addEventListener("auxclick", (event) => {
  const link = linkOf(event);
  if (link && event.button === 1) open(link.href, "_blank", "noopener");
});
document.addEventListener("mousedown", (event) => {
  // Where the middle button would scroll.
  if (event.button === 1 && linkOf(event)) event.preventDefault();
});

// -- keys

const links = () => [...document.querySelectorAll("#rows .when a")];

function step(by) {
  const all = links();
  const at = all.indexOf(document.activeElement);
  const next = at < 0 ? (by > 0 ? 0 : all.length - 1) : at + by;
  all[Math.max(0, Math.min(all.length - 1, next))]?.focus();
}

function toFilters() {
  const first = document.querySelector(".filters input");
  if (!first) return;
  byId("fold").checked = true;
  first.focus();
  first.select();
}

const KEYS = {
  "/": toFilters,
  j: () => step(1),
  k: () => step(-1),
  c: () => byId("compact")?.click(),
  p: () => byId("pause")?.click(),
  t: () => byId("theme").click(),
  "?": () => byId("keys").showModal(),
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || byId("keys").open) return;
  const typing = event.target.closest("input:not([type=checkbox]), textarea, select");
  if (event.key === "Escape" && typing) typing.blur();
  if (typing || !Object.hasOwn(KEYS, event.key)) return;
  event.preventDefault();
  KEYS[event.key]();
});

// Empty fields would make long addresses out of short ones.
document.querySelector(".filters")?.addEventListener("submit", (event) => {
  for (const input of event.target.querySelectorAll(".field input")) {
    if (!input.value.trim()) input.disabled = true;
  }
});
addEventListener("pageshow", () => {
  for (const input of document.querySelectorAll(".filters input")) input.disabled = false;
});

// -- rows that come by themselves

const live = byId("live");

if (live && byId("rows")) {
  const LEAST_MS = 500; // between two times that rows are asked for
  const FRESH_MS = 4000;
  let wanted = byId("rows").dataset.version;
  let busy = false;
  let paused = false;
  let lastAsked = 0;

  const say = (state, words) => {
    live.dataset.state = state;
    if (byId("live-words").textContent !== words) byId("live-words").textContent = words;
  };

  const outcomes = (root) =>
    new Map([...root.querySelectorAll("[data-key]")].map((row) => [row.dataset.key, row.dataset.outcome]));

  function show(html) {
    const parsed = new DOMParser().parseFromString(html, "text/html").getElementById("rows");
    const old = byId("rows");
    if (!parsed) return;
    const known = outcomes(old);
    const focused = document.activeElement?.closest("[data-key]")?.dataset.key;
    const lost = old.contains(document.activeElement);
    old.replaceWith(document.adoptNode(parsed));
    const rows = [...parsed.querySelectorAll("[data-key]")];
    const fresh = rows.filter((row) => known.get(row.dataset.key) !== row.dataset.outcome);
    for (const row of fresh) row.classList.add("fresh");
    setTimeout(() => fresh.forEach((row) => row.classList.remove("fresh")), FRESH_MS);
    const again = rows.find((row) => row.dataset.key === focused);
    if (again) again.querySelector("a").focus({ preventScroll: true });
    else if (lost) byId("main").focus({ preventScroll: true });
    growOlder();
  }

  async function catchUp() {
    if (busy || paused || isSelectedIn(byId("rows")) || byId("rows").dataset.version === wanted) return;
    busy = true;
    await new Promise((done) => setTimeout(done, Math.max(0, lastAsked + LEAST_MS - Date.now())));
    lastAsked = Date.now();
    const asked = wanted;
    try {
      const answer = await fetch(`/cancels/rows${location.search}`, { headers: { Accept: "text/html" } });
      if (answer.redirected) location.reload();
      else if (answer.ok) {
        const html = await answer.text();
        if (!paused && !isSelectedIn(byId("rows"))) {
          show(html);
          byId("rows").dataset.version = asked;
        }
      }
    } catch {
      // The server is gone; the events say so, and come back by themselves.
    } finally {
      busy = false;
    }
    if (byId("rows").dataset.version === asked) catchUp();
  }

  // What is selected stays until it is no more.
  document.addEventListener("selectionchange", catchUp);

  const source = new EventSource("/events");
  source.addEventListener("state", (event) => {
    const { version, trouble } = JSON.parse(event.data);
    wanted = version;
    if (trouble) say("off", trouble);
    else {
      if (!paused) say("on", "live");
      catchUp();
    }
  });
  source.addEventListener("error", () => {
    say("off", source.readyState === EventSource.CLOSED ? "not live; reload the page" : "connecting again");
  });

  byId("pause").addEventListener("click", (event) => {
    paused = !paused;
    event.target.setAttribute("aria-pressed", String(paused));
    say(paused ? "paused" : "on", paused ? "paused" : "live");
    if (!paused) catchUp();
  });

  live.hidden = false;
  // An open stream holds one of the browser's few connections, also while the page is left.
  addEventListener("pagehide", () => source.close());
  addEventListener("pageshow", (event) => event.persisted && location.reload());
}

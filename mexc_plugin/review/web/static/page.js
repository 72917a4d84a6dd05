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

// -- keys: / to the filters, j and k along the rows, Escape out of a field

const links = () => [...document.querySelectorAll("#rows .when a")];

function step(by) {
  const all = links();
  const at = all.indexOf(document.activeElement);
  const next = at < 0 ? (by > 0 ? 0 : all.length - 1) : at + by;
  all[Math.max(0, Math.min(all.length - 1, next))]?.focus();
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const typing = event.target.closest("input, textarea, select");
  if (event.key === "Escape" && typing) typing.blur();
  if (typing) return;
  const first = document.querySelector(".filters input");
  if (event.key === "/" && first) {
    event.preventDefault();
    first.focus();
    first.select();
  } else if (event.key === "j" || event.key === "k") {
    step(event.key === "j" ? 1 : -1);
  }
});

// Empty fields would make long addresses out of short ones.
document.querySelector(".filters")?.addEventListener("submit", (event) => {
  for (const input of event.target.querySelectorAll("input:not([type=checkbox])")) {
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
    if (busy || paused || byId("rows").dataset.version === wanted) return;
    busy = true;
    await new Promise((done) => setTimeout(done, Math.max(0, lastAsked + LEAST_MS - Date.now())));
    lastAsked = Date.now();
    const asked = wanted;
    try {
      const answer = await fetch(`/cancels/rows${location.search}`, { headers: { Accept: "text/html" } });
      if (answer.redirected) location.reload();
      else if (answer.ok && !paused) {
        show(await answer.text());
        byId("rows").dataset.version = asked;
      }
    } catch {
      // The server is gone; the events say so, and come back by themselves.
    } finally {
      busy = false;
    }
    if (byId("rows").dataset.version === asked) catchUp();
  }

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

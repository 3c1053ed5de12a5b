"use strict";
// The controls, the pointer and the keyboard.

const element = (id) => document.getElementById(id);
const chart = new Chart();
let state = null;
let encoding = null;
let current = -1; // the place of the point under the pointer or the keyboard
let chosen = null; // the point whose details are shown

/** The state of a page that nobody has touched. */
function initialState() {
  const several = ["sweep", "eval_score"].find((column) => table.values(column).filter((value) => value !== null).length > 1);
  const metrics = Object.keys(data.metrics);
  const y = data.tasks[0] ?? metrics.find((name) => oodsOf(name).includes(null)) ?? metrics[0];
  const oods = oodsOf(y);
  const ood = oods.includes(null) ? null : oods[0];
  const splits = valuesWith("split", y, ood);
  const split = splits.includes("test") ? "test" : splits[0];
  const start = {
    y, x: `cost ${Object.keys(data.costs)[0]}`, split, ood, task: "shown", points: "each", fronts: "none", colour: "series",
    shape: several ?? "series", log: true, intervals: false, references: true, filters: {},
  };
  start.fronts = hasValidation(start) ? "validation" : "shown";
  return start;
}

/** The values of a column in the rows of a metric, and of an OOD set if one is given, in the order of the table. */
function valuesWith(column, metric, ood) {
  const [metrics, oods, wanted] = [table.columns.metric, table.columns.ood, table.columns[column]];
  const code = metrics.codeOf(metric);
  const oodCode = ood === undefined ? null : oods.codeOf(ood);
  const found = new Set();
  for (let row = 0; row < table.length; row += 1) {
    if (metrics.codes[row] === code && (oodCode === null || oods.codes[row] === oodCode)) found.add(wanted.codes[row]);
  }
  return [...found].sort((a, b) => a - b).map((place) => wanted.values[place]);
}

/** The OOD sets with which a metric was measured; null is ID data alone. */
function oodsOf(metric) {
  return valuesWith("ood", metric);
}

// ---- controls ----

function options(id, entries, value) {
  const select = element(id);
  select.innerHTML = entries.map(([key, label, disabled]) => `<option value="${escaped(key)}"${disabled ? " disabled" : ""}>${escaped(label)}</option>`).join("");
  select.value = value;
  select.closest("label").hidden = entries.length < 2;
}

function fillControls() {
  const metrics = Object.entries(data.metrics);
  options("y", metrics.map(([name, metric]) => [name, metric.axis]), state.y);
  options("x", [
    ...Object.entries(data.costs).map(([name, cost]) => [`cost ${name}`, cost.axis]),
    ...metrics.map(([name, metric]) => [`metric ${name}`, metric.axis]),
  ], state.x);
  options("split", valuesWith("split", state.y, state.ood).map((name) => [name, { val: "validation", test: "test" }[name] ?? name]), state.split);
  options("ood", oodsOf(state.y).map((name) => [name ?? "", name === null ? "none (ID data alone)" : nameOf("ood", name)]), state.ood ?? "");
  options("task", [
    ["shown", "the metric shown"], ["any", "any task"],
    ...table.values("task").filter((task) => task !== null).map((task) => [`task ${task}`, nameOf("task", task)]),
  ], state.task);
  options("points", [["each", "each cascade"], ["mean", "means of settings"]], state.points);
  options("fronts", [
    ["none", "none"], ["validation", "on validation", !hasValidation(state)], ["shown", "on what is shown"],
  ], state.fronts);
  const dimensions = DIMENSIONS.filter((name) => name === "series" || table.values(name).length > 1).map((name) => [name, HEADINGS[name]]);
  options("colour", dimensions, state.colour);
  options("shape", dimensions.filter(([name]) => name === "series" || table.values(name).length <= data.style.shapes.length), state.shape);
  for (const id of ["log", "intervals", "references"]) element(id).checked = state[id];
  element("log").closest("label").hidden = axisOf(state).metric !== null;
}

function fillFilters() {
  const groups = FILTERS.filter((name) => table.values(name).filter((value) => value !== null).length > 1).map((name) => {
    const out = new Set(state.filters[name] ?? []);
    const boxes = valuesOf(name).map((value) =>
      `<label><input type="checkbox" data-filter="${name}" value="${escaped(String(value))}"${out.has(String(value)) ? "" : " checked"}> ${escaped(nameOf(name, value))}</label>`,
    ).join("");
    return `<fieldset data-group="${name}"><legend>${escaped(HEADINGS[name])}</legend>
<div class="quick"><button type="button" data-all="${name}" aria-label="All: ${escaped(HEADINGS[name])}">all</button><button type="button" data-none="${name}" aria-label="None: ${escaped(HEADINGS[name])}">none</button></div>
<div class="boxes">${boxes}</div></fieldset>`;
  });
  element("groups").innerHTML = groups.join("") || '<p class="note">All rows have the same settings.</p>';
}

function readFilters() {
  const filters = {};
  for (const box of element("groups").querySelectorAll("input[data-filter]")) {
    if (!box.checked) (filters[box.dataset.filter] ??= []).push(box.value);
  }
  state.filters = filters;
}

/** Keep choices possible: an OOD set and a split that the metric has, a front that can be chosen. */
function settle() {
  const oods = oodsOf(state.y);
  if (!oods.includes(state.ood)) [state.ood] = oods;
  const splits = valuesWith("split", state.y, state.ood);
  if (!splits.includes(state.split)) state.split = splits.includes("test") ? "test" : splits[0];
  if (state.fronts === "validation" && !hasValidation(state)) state.fronts = "shown";
}

// ---- drawing ----

function draw() {
  settle();
  fillControls();
  encoding = new Encoding(state);
  const rows = selectedRows(state);
  const points = pointsOf(rows, axisOf(state), state.points === "mean");
  points.sort((a, b) => a.x - b.x || a.y - b.y);
  const references = state.references ? referencesOf(state) : [];
  chart.show(state, points, frontsOf(rows, state), references, encoding);
  current = -1;
  element("tip").hidden = true;
  const filters = Object.values(state.filters).filter((values) => values.length > 0).length;
  element("filtered").textContent = filters === 0 ? "" : `(${filters} in use)`;
  const count = points.length.toLocaleString("en");
  element("count").textContent = points.length === 0
    ? "No point fits these filters."
    : `${count} ${points.length === 1 ? "point" : "points"}, of ${table.length.toLocaleString("en")} rows`;
  element("chart").setAttribute("aria-label", `${data.metrics[state.y].axis} against ${axisOf(state).title}, ${count} points`);
  element("csv").disabled = points.length === 0;
  element("note").textContent = noteOf(points, references);
  fillLegend(points, references);
  if (chosen !== null) {
    const place = points.findIndex((point) => point.row === chosen.row || point.rows.includes(chosen.row));
    if (place >= 0) choose(place);
    else forget();
  }
  remember();
}

/** What the layers of the drawing are. */
function noteOf(points, references) {
  const parts = [];
  const kinds = encoding.dashed ? ["Thick", "Thin"] : ["Solid", "Dashed"];
  if (state.fronts === "validation") parts.push(`${kinds[0]} lines: fronts of the settings shown, averaged over members and orders, chosen on the validation set.`);
  if (state.fronts === "shown") parts.push(`${kinds[0]} lines: fronts of the settings shown, chosen on the same data on which they are drawn, and therefore optimistic.`);
  if (references.length > 0) parts.push(`${kinds[1]} lines: single models and ensembles, averaged over members.`);
  if (references.some((line) => line.length === 1)) parts.push("Where they have a single scale, they are a large mark on a level line.");
  if (state.points === "mean") parts.push("Points: means over members and orders.");
  if (state.intervals) {
    const known = points.filter((point) => point.lower !== null).length;
    const levels = [...new Set(data.sweeps.filter((sweep) => sweep.resamples > 0).map((sweep) => `${100 * sweep.level} %`))];
    parts.push(known === 0
      ? "These rows have no intervals: sweep with bootstrap.resamples=1000, or choose the other kind of points."
      : `Bars: ${levels.join(" or ")} bootstrap intervals.`);
  }
  return parts.join(" ");
}

function fillLegend(points, references) {
  const rows = [...points, ...references.flat()].map((point) => point.row);
  const present = (column) => {
    const found = new Set(rows.map((row) => table.at(column, row)));
    return valuesOf(column).filter((value) => found.has(value));
  };
  const list = (column, mark) => {
    const values = present(column);
    const shown = values.length > 14 ? [0, 1, 2, 3].map((step) => values[Math.round((step / 3) * (values.length - 1))]) : values;
    const items = shown.map((value) => `<li>${mark(value)} ${escaped(nameOf(column, value))}</li>`).join("");
    return `<ul aria-label="${escaped(HEADINGS[column])}"><li class="heading">${escaped(HEADINGS[column])}</li>${items}</ul>`;
  };
  element("legend").innerHTML = state.colour === state.shape
    ? list(state.colour, (value) => symbol(encoding.shapeOf(value), encoding.colourOf(value)))
    : list(state.colour, (value) => symbol("circle", encoding.colourOf(value))) + (present(state.shape).length > 1 ? list(state.shape, (value) => lineSymbol(encoding.shapeOf(value), "#444444", encoding.dashOf(value))) : "");
}

// ---- pointing and choosing ----

/** Point at a place: ring and tip. */
function pointAt(place, speak) {
  current = place;
  const tip = element("tip");
  if (place < 0) {
    tip.hidden = true;
    chart.mark(null, chosen);
    return;
  }
  const point = chart.points[place];
  chart.mark(point, chosen);
  tip.innerHTML = tipOf(point, state);
  tip.hidden = false;
  const [x, y] = chart.position(point);
  const box = drawing.getBoundingClientRect();
  const left = x + 14 + tip.offsetWidth <= box.width ? x + 14 : Math.max(0, x - 14 - tip.offsetWidth);
  tip.style.left = `${Math.min(left, Math.max(0, box.width - tip.offsetWidth))}px`;
  tip.style.top = `${Math.max(0, Math.min(y + 12, box.height - tip.offsetHeight))}px`;
  if (speak) element("spoken").textContent = spokenOf(point, state, place, chart.points.length);
}

function choose(place, focus = false) {
  chosen = chart.points[place];
  const panel = element("details");
  panel.innerHTML = detailsOf(chosen, state, encoding);
  panel.hidden = false;
  document.body.classList.add("chosen");
  chart.mark(current < 0 ? null : chart.points[current], chosen);
  element("close").addEventListener("click", () => {
    forget();
    element("chart").focus();
  });
  if (focus) panel.scrollIntoView({ block: "nearest" });
}

function forget() {
  chosen = null;
  element("details").hidden = true;
  document.body.classList.remove("chosen");
  if (chart.view !== null) chart.mark(current < 0 ? null : chart.points[current], null);
}

/** The next point to the left or right, or the nearest one above or below. */
function step(key) {
  const last = chart.points.length - 1;
  if (last < 0) return -1;
  if (key === "Home" || (current < 0 && key !== "End")) return 0;
  if (key === "End") return last;
  if (key === "ArrowRight") return Math.min(current + 1, last);
  if (key === "ArrowLeft") return Math.max(current - 1, 0);
  const positions = chart.positions(chart.points);
  const [x, y] = positions[current];
  let [best, least] = [current, Infinity];
  positions.forEach(([left, top], place) => {
    const rise = key === "ArrowUp" ? y - top : top - y;
    const distance = rise + 3 * Math.abs(left - x);
    if (rise > 0.5 && distance < least) [best, least] = [place, distance];
  });
  return best;
}

// ---- saving ----

function save(name, content, type) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([content], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

/** The rows behind the points as CSV: those of the vertical axis, and those of a metric on the horizontal one. */
function shownCsv() {
  const rows = new Set(chart.points.flatMap((point) => [...point.rows, ...point.beside]));
  return table.csv(data.columns, [...rows].sort((a, b) => a - b));
}

async function copy(button) {
  const code = element(button.dataset.copy);
  try {
    await navigator.clipboard.writeText(code.textContent);
  } catch {
    const range = document.createRange();
    range.selectNodeContents(code);
    getSelection().removeAllRanges();
    getSelection().addRange(range);
    document.execCommand("copy");
  }
  button.textContent = "Copied";
  setTimeout(() => { button.textContent = "Copy"; }, 1500);
}

// ---- the address, which keeps what is shown ----

function remember() {
  const changed = {};
  for (const [key, value] of Object.entries(initialState())) {
    if (JSON.stringify(state[key]) !== JSON.stringify(value)) changed[key] = state[key];
  }
  const hash = Object.keys(changed).length === 0 ? "" : `#${encodeURIComponent(JSON.stringify(changed))}`;
  try {
    history.replaceState(null, "", `${location.pathname}${location.search}${hash}`);
  } catch {
    // Some browsers refuse this for files; the page works without.
  }
}

/** The state in the address; anything in it that this page does not have is left out. */
function recalled() {
  const start = initialState();
  let given = null;
  try {
    given = JSON.parse(decodeURIComponent(location.hash.slice(1)) || "{}");
  } catch {
    return start;
  }
  if (!isObject(given)) return start;
  const [metrics, costs] = [Object.keys(data.metrics), Object.keys(data.costs)];
  const choices = {
    y: metrics,
    x: [...costs.map((name) => `cost ${name}`), ...metrics.map((name) => `metric ${name}`)],
    split: table.values("split"),
    ood: table.values("ood"),
    task: ["shown", "any", ...table.values("task").filter((task) => task !== null).map((task) => `task ${task}`)],
    points: ["each", "mean"],
    fronts: ["none", "validation", "shown"],
    colour: DIMENSIONS,
    shape: DIMENSIONS,
  };
  const known = (key, value) => {
    if (key === "filters") return isObject(value) && Object.entries(value).every(([name, values]) => FILTERS.includes(name) && Array.isArray(values));
    return key in choices ? choices[key].includes(value) : typeof value === typeof start[key];
  };
  for (const key of Object.keys(start)) if (Object.hasOwn(given, key) && known(key, given[key])) start[key] = given[key];
  return start;
}

function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

// ---- events ----

function listen() {
  for (const id of ["y", "x", "split", "task", "points", "fronts", "colour", "shape"]) {
    element(id).addEventListener("change", (event) => {
      state[id] = event.target.value;
      draw();
    });
  }
  element("ood").addEventListener("change", (event) => {
    state.ood = event.target.value === "" ? null : event.target.value;
    draw();
  });
  for (const id of ["log", "intervals", "references"]) {
    element(id).addEventListener("change", (event) => {
      state[id] = event.target.checked;
      draw();
    });
  }
  element("groups").addEventListener("change", () => {
    readFilters();
    draw();
  });
  element("groups").addEventListener("click", (event) => {
    const { all, none } = event.target.dataset;
    const group = all ?? none;
    if (group === undefined) return;
    for (const box of element("groups").querySelectorAll(`input[data-filter="${group}"]`)) box.checked = all !== undefined;
    readFilters();
    draw();
  });
  element("csv").addEventListener("click", () => save(`${fileName()}.csv`, shownCsv(), "text/csv"));
  element("svg").addEventListener("click", async () => save(`${fileName()}.svg`, await chart.view.toSVG(), "image/svg+xml"));
  element("reset").addEventListener("click", () => {
    state = initialState();
    forget();
    fillFilters();
    draw();
  });
  drawing.addEventListener("pointermove", (event) => {
    if (event.pointerType === "touch") return;
    const place = under(event, 14);
    if (place !== current) pointAt(place, false);
    drawing.style.cursor = place < 0 ? "default" : "pointer";
  });
  drawing.addEventListener("pointerleave", () => pointAt(-1, false));
  drawing.addEventListener("click", (event) => {
    const place = under(event, event.pointerType === "touch" ? 28 : 14);
    if (place >= 0) choose(place, true);
  });
  element("chart").addEventListener("keydown", (event) => {
    if (["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End"].includes(event.key)) {
      pointAt(step(event.key), true);
    } else if ((event.key === "Enter" || event.key === " ") && current >= 0) {
      choose(current, true);
    } else if (event.key === "Escape") {
      forget();
      pointAt(-1, false);
    } else return;
    event.preventDefault();
  });
  element("details").addEventListener("click", (event) => {
    if (event.target.dataset.copy !== undefined) copy(event.target);
  });
  let width = window.innerWidth;
  new ResizeObserver(() => {
    if (drawing.clientWidth === width) return;
    width = drawing.clientWidth;
    pointAt(-1, false);
    chart.resize();
  }).observe(element("chart"));
}

function under(event, reach) {
  const box = drawing.getBoundingClientRect();
  return chart.nearest(event.clientX - box.left, event.clientY - box.top, reach);
}

function fileName() {
  return `${data.title}-${state.y}`.replace(/[^A-Za-z0-9_.-]+/g, "-");
}

function describePage() {
  const rows = data.sweeps.map((sweep) => `${sweep.name}: ${sweep.rows.toLocaleString("en")} rows of ${sweep.folder}`);
  element("about").textContent = rows.join("; ");
  element("made").textContent = `Made by wee ${data.wee} (wee explore). Drawn with Vega ${data.vega} and Vega-Embed (BSD 3-Clause, © University of Washington Interactive Data Lab) and D3 (ISC, © Mike Bostock). This file holds all its data, and loads nothing.`;
}

async function start() {
  describePage();
  if (window.matchMedia("(max-width: 760px)").matches) element("filters").open = false;
  state = recalled();
  fillFilters();
  await chart.load();
  draw();
  listen();
  document.documentElement.dataset.drawn = String(Math.round(performance.now()));
}

start();

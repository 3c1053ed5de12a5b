"use strict";
// What is shown: rows become points, points are averaged, and fronts are chosen among them.

const data = JSON.parse(document.getElementById("data").textContent);
const table = new Table(data.rows);
const averages = new Table(data.averages);

const HEADINGS = {
  sweep: "Sweep", dataset: "Data set", family: "Family", scale: "Scale", size: "Members (M)", members: "Members, in order",
  exits: "Exits, in order", series: "Policy", width: "Width of the window", fraction: "Quantile or probability",
  parameters: "Parameters", score: "Exit score", task: "Fitted for", eval_score: "Ranked by", split: "Measured on", ood: "OOD set", ood_share: "Share of OOD data",
};
const FILTERS = ["sweep", "dataset", "family", "series", "scale", "size", "exits", "width", "fraction", "parameters", "score", "eval_score", "ood_share", "members"];
const DIMENSIONS = ["series", "sweep", "family", "scale", "size", "width", "fraction", "score", "eval_score", "task", "exits", "ood_share"];
const ORDERED = new Set(["scale", "size", "width", "fraction", "ood_share"]);

/** What a value of a column is called. */
function nameOf(column, value) {
  if (value === null || value === undefined) return "without";
  const labels = data.labels[column];
  return labels !== undefined && labels[value] !== undefined ? labels[value] : String(value);
}

/** Different values of a column that rows have, numbers ascending, missing ones last. */
function valuesOf(column) {
  const values = [...table.values(column)];
  const number = (value) => (typeof value === "number" ? value : value === null ? Infinity : 1e9);
  return ORDERED.has(column) && column !== "scale" ? values.sort((a, b) => number(a) - number(b)) : values;
}

/** Rows by what is asked of them: setting, metric, evaluation score, cost and split. */
const rowsBySetting = new Map();
const rowsByPoint = new Map();
{
  const [setting, point, metric, score, cost, split] = ["setting", "point", "metric", "eval_score", "cost", "split"].map(
    (name) => table.columns[name].codes,
  );
  for (let row = 0; row < table.length; row += 1) {
    const values = `${metric[row]}|${score[row]}|${cost[row]}`;
    add(rowsBySetting, `${setting[row]}|${values}|${split[row]}`, row);
    add(rowsByPoint, point[row], row);
  }
}

function add(map, key, value) {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}

const averageRows = new Map();
for (let row = 0; row < averages.length; row += 1) {
  const key = ["setting", "metric", "eval_score", "cost", "split"].map((name) => averages.at(name, row)).join("|");
  averageRows.set(key, row);
}

function averageKey(row, split) {
  return [...["setting", "metric", "eval_score", "cost"].map((name) => table.at(name, row)), split].join("|");
}

/** The row of the same point with another metric, or -1; the evaluation scores must be the same where both have one. */
function sibling(row, metric) {
  const score = table.at("eval_score", row);
  const cost = table.at("cost", row);
  for (const other of rowsByPoint.get(table.columns.point.codes[row])) {
    if (table.at("metric", other) !== metric || table.at("cost", other) !== cost) continue;
    const otherScore = table.at("eval_score", other);
    if (score === null || otherScore === null || score === otherScore) return other;
  }
  return -1;
}

/** The horizontal axis of a state: a cost, or a metric. */
function axisOf(state) {
  const [kind, name] = [state.x.slice(0, state.x.indexOf(" ")), state.x.slice(state.x.indexOf(" ") + 1)];
  return kind === "cost"
    ? { cost: name, metric: null, title: data.costs[name].axis, higher: false }
    : { cost: null, metric: name, title: data.metrics[name].axis, higher: data.metrics[name].higher };
}

/** Whether a row's rule was fitted for what is shown. */
function taskTest(state) {
  const codes = table.columns.task.codes;
  const tasks = data.metrics[state.y].tasks;
  if (state.task === "any") return () => true;
  const wanted = state.task === "shown" ? tasks : [state.task.slice(5)];
  const values = table.values("task");
  if (state.task === "shown" && !values.some((value) => wanted.includes(value))) return () => true;
  const allowed = values.map((value) => value === null || wanted.includes(value));
  return (row) => allowed[codes[row]];
}

/** The rows of the vertical axis, after all filters. With `references`, the filters about policies do not apply. */
function selectedRows(state, references = false) {
  const axis = axisOf(state);
  const fixed = { metric: state.y, split: state.split, ood: state.ood };
  if (axis.cost !== null) fixed.cost = axis.cost;
  const tests = Object.entries(fixed).map(([name, value]) => [table.columns[name].codes, table.columns[name].codeOf(value)]);
  const kept = references ? new Set(["sweep", "dataset", "family", "eval_score", "ood_share"]) : null;
  const masks = [];
  for (const [name, excluded] of Object.entries(state.filters)) {
    if (excluded.length === 0 || (kept !== null && !kept.has(name))) continue;
    const out = new Set(excluded);
    masks.push([table.columns[name].codes, table.values(name).map((value) => !out.has(String(value)))]);
  }
  const fitted = taskTest(state);
  const rows = [];
  for (let row = 0; row < table.length; row += 1) {
    if (tests.every(([codes, code]) => codes[row] === code) && masks.every(([codes, mask]) => mask[codes[row]]) && fitted(row)) {
      rows.push(row);
    }
  }
  return rows;
}

function mean(numbers) {
  return numbers.reduce((sum, number) => sum + number, 0) / numbers.length;
}

/** The point of some rows: one cascade, or the mean of a setting over its members and orders. */
function pointOf(rows, axis) {
  const columns = table.columns;
  const y = mean(rows.map((row) => columns.value.at(row)));
  let x;
  let beside = [];
  if (axis.metric === null) {
    x = mean(rows.map((row) => columns.price.at(row)));
  } else {
    beside = rows.map((row) => sibling(row, axis.metric)).filter((row) => row >= 0);
    x = beside.length === rows.length ? mean(beside.map((row) => columns.value.at(row))) : NaN;
  }
  const point = { row: rows[0], rows, beside, x, y, lower: null, upper: null, seeds: null };
  if (rows.length === 1) {
    point.lower = columns.lower.at(rows[0]);
    point.upper = columns.upper.at(rows[0]);
  }
  return point;
}

/** The points of rows. With `averaged`, rows of one setting become one point, with the interval of the mean if there is one. */
function pointsOf(rows, axis, averaged) {
  let groups = rows.map((row) => [row]);
  if (averaged) {
    const bySetting = new Map();
    for (const row of rows) {
      add(bySetting, `${table.columns.setting.codes[row]}|${table.columns.eval_score.codes[row]}|${table.columns.cost.codes[row]}`, row);
    }
    groups = [...bySetting.values()];
  }
  const points = groups.map((group) => pointOf(group, axis)).filter((point) => Number.isFinite(point.x) && Number.isFinite(point.y));
  if (averaged) {
    for (const point of points) {
      const average = averageRows.get(averageKey(point.row, table.at("split", point.row)));
      const complete = rowsBySetting.get(settingKey(point.row, table.columns.split.codes[point.row])).length === point.rows.length;
      if (average !== undefined && complete) {
        point.lower = averages.at("lower", average);
        point.upper = averages.at("upper", average);
        point.seeds = averages.at("seeds", average);
      }
    }
  }
  return points;
}

function settingKey(row, split) {
  const codes = (name) => table.columns[name].codes[row];
  return `${codes("setting")}|${codes("metric")}|${codes("eval_score")}|${codes("cost")}|${split}`;
}

/** The rows of a point on the validation set: those of the members and orders that the point has. */
function validationRows(point) {
  const { members, split } = table.columns;
  const kept = new Set(point.rows.map((row) => members.codes[row]));
  const rows = rowsBySetting.get(settingKey(point.row, split.codeOf("val"))) ?? [];
  return rows.filter((row) => kept.has(members.codes[row]));
}

/** The places of non-dominated points, ascending in x; of equal points, only the first. */
function nondominated(points, higherX, higherY) {
  const order = points.map((point, place) => place);
  const [x, y] = [higherX ? -1 : 1, higherY ? -1 : 1];
  order.sort((a, b) => x * (points[a].x - points[b].x) || y * (points[a].y - points[b].y) || a - b);
  const front = [];
  let best = Infinity;
  for (const place of order) {
    if (y * points[place].y < best) {
      best = y * points[place].y;
      front.push(place);
    }
  }
  return front;
}

/** Whether settings have values on the validation set, by which a front can be chosen. */
function hasValidation(state) {
  return state.split !== "val" && state.ood === null && table.values("split").includes("val");
}

/**
 * The fronts of the points: one for each sweep, family, policy and score. Settings are averaged over members and orders first.
 *
 * With `state.fronts` "validation" they are chosen by their cost and value on the validation set, and drawn where they are on the
 * data that is shown, as in the file fronts.csv of a sweep; both are means over the same members and orders, those that pass the
 * filters. With "shown" they are chosen on the data that is shown. Single models and ensembles have a front where they have no
 * line of their own.
 */
function frontsOf(rows, state) {
  if (state.fronts === "none") return [];
  const axis = axisOf(state);
  const higher = data.metrics[state.y].higher;
  const lines = new Map();
  for (const point of pointsOf(rows, axis, true)) {
    if (state.references && data.looks[table.at("series", point.row)].baseline) continue;
    const of = { ...point, chosen: point };
    if (state.fronts === "validation") {
      const val = validationRows(point);
      if (val.length === 0) continue;
      of.chosen = pointOf(val, axis);
      if (!Number.isFinite(of.chosen.x) || !Number.isFinite(of.chosen.y)) continue;
    }
    const key = ["sweep", "dataset", "family", "series", "score", "eval_score", "cost", "ood_share"].map((name) => table.columns[name].codes[point.row]);
    add(lines, key.join("|"), of);
  }
  return [...lines.values()].map((points) => {
    const chosen = nondominated(points.map((point) => point.chosen), axis.higher, higher).map((place) => points[place]);
    return chosen.sort((a, b) => a.x - b.x);
  });
}

/** The lines of single models and ensembles through the scales, whatever policies are filtered. */
function referencesOf(state) {
  const rows = selectedRows(state, true).filter((row) => data.looks[table.at("series", row)].baseline);
  const lines = new Map();
  for (const point of pointsOf(rows, axisOf(state), true)) {
    const key = ["sweep", "dataset", "family", "series", "size", "eval_score", "ood_share"].map((name) => table.columns[name].codes[point.row]);
    add(lines, key.join("|"), point);
  }
  return [...lines.values()].map((points) => points.sort((a, b) => a.x - b.x));
}

"use strict";
// What a point is: its settings in words, its window, and the commands that make it again.

function escaped(text) {
  return String(text).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** The settings of a point as pairs of heading and text; settings that it does not have are left out. */
function settingsOf(point) {
  const pairs = [];
  for (const column of ["series", "sweep", "dataset", "family", "scale", "members", "exits", "size", "width", "fraction", "parameters", "score", "task", "split", "ood", "ood_share", "eval_score"]) {
    const values = column === "members" ? [...new Set(point.rows.map((row) => table.at(column, row)))] : [table.at(column, point.row)];
    if (values[0] === null) continue;
    const words = values.map((value) => nameOf(column, value)).join(", ");
    pairs.push([HEADINGS[column], point.rows.length > 1 && column === "members" ? `mean of ${words}` : words]);
  }
  if (point.rows.length > 1) pairs.push(["Averaged", `${point.rows.length} cascades`]);
  return pairs;
}

/** A metric's value with its unit, and its interval if there is one. */
function valueText(metric, value, lower, upper) {
  const { unit } = data.metrics[metric];
  const end = unit === "%" ? " %" : "";
  const interval = lower === null || lower === undefined ? "" : ` [${readable(lower, unit)}, ${readable(upper, unit)}]`;
  return `${readable(value, unit)}${end}${interval}`;
}

function costText(cost, value) {
  const { unit } = data.costs[cost];
  return `${si(value)} ${unit}`;
}

/** The two coordinates of a point as pairs of heading and text. */
function coordinatesOf(point, state) {
  const axis = axisOf(state);
  const across = axis.metric === null
    ? [`average ${data.costs[axis.cost].label}`, costText(axis.cost, point.x)]
    : [data.metrics[axis.metric].label, valueText(axis.metric, point.x)];
  return [[data.metrics[state.y].label, valueText(state.y, point.y, point.lower, point.upper)], across];
}

/** The text beside the pointer. */
function tipOf(point, state) {
  const rows = [...coordinatesOf(point, state), ...settingsOf(point).slice(1)];
  const list = rows.map(([name, text]) => `<dt>${escaped(name)}</dt><dd>${escaped(text)}</dd>`).join("");
  return `<strong>${escaped(table.at("series", point.row))}</strong><dl>${list}</dl>`;
}

/** A point in one sentence, for screen readers. */
function spokenOf(point, state, place, count) {
  const words = [...coordinatesOf(point, state), ...settingsOf(point).filter(([name]) => [HEADINGS.scale, HEADINGS.members, HEADINGS.width, HEADINGS.fraction].includes(name))];
  return `${table.at("series", point.row)}, ${words.map(([name, text]) => `${name} ${text}`).join(", ")}; point ${place + 1} of ${count}`;
}

/** The confidences of a window in words. */
function rangeOf(low, high) {
  if (low === -Infinity) return high === Infinity ? "of any size" : `up to ${readable(high)}`;
  return high === Infinity ? `from ${readable(low)} up` : `from ${readable(low)} to ${readable(high)}`;
}

/** The window of one stage: a strip of the samples that it is set by, from the least to the most confident. */
function stripOf(window, stage, stages, samples) {
  const number = (value) => (value === "inf" ? Infinity : value === "-inf" ? -Infinity : value);
  const [low, high, tau] = [window.low, window.high, window.tau].map(number);
  const percent = (share) => `${Number((100 * share).toFixed(1))} %`;
  const title = (text) => (stages > 1 ? `Stage ${stage + 1}: ${text}` : text[0].toUpperCase() + text.slice(1));
  const empty = low > high;
  const scores = empty
    ? "no confidence goes on"
    : `confidences ${rangeOf(low, high)} go on`;
  if (window.start === undefined) {
    return `<div class="strip"><p>${title(scores)}${tau === undefined ? "" : `; threshold τ = ${readable(tau)}`}.</p></div>`;
  }
  const words = empty
    ? title("the window is empty: no sample goes on")
    : title(`${samples} from ${percent(window.start)} to ${percent(window.end)} in order of confidence go on (${percent(window.end - window.start)} of them)`);
  const [left, right] = [6, 394];
  const at = (share) => left + share * (right - left);
  const rank = window.rank;
  const bars = [];
  const count = 40;
  for (let bar = 0; bar < count; bar += 1) {
    const middle = (bar + 0.5) / count;
    const inside = !empty && middle >= window.start && middle <= window.end;
    const accepted = rank === undefined ? null : middle >= rank;
    const kind = inside ? "inside" : accepted === null ? "outside" : accepted ? "accepted" : "rejected";
    bars.push(`<rect class="${kind}" x="${at(bar / count) + 1}" y="${inside ? 22 : 34}" width="${(right - left) / count - 2}" height="${inside ? 38 : 26}"/>`);
  }
  const ends = empty ? "" : [window.start, window.end].map((share) => `<line class="end" x1="${at(share)}" x2="${at(share)}" y1="18" y2="66"/>`).join("");
  const anchor = (share) => (share < 0.24 ? "start" : share > 0.76 ? "end" : "middle");
  const threshold = rank === undefined ? "" : `<line class="tau" x1="${at(rank)}" x2="${at(rank)}" y1="14" y2="72"/><text class="tau" x="${at(rank)}" y="11" text-anchor="${anchor(rank)}">τ = ${readable(tau)} at ${percent(rank)}</text>`;
  const endLabels = empty ? "" : [
    `<text x="${at(window.start)}" y="${88}" text-anchor="${window.start < 0.12 ? "start" : "end"}">${low === -Infinity ? "−∞" : readable(low)}</text>`,
    `<text x="${at(window.end)}" y="${88}" text-anchor="${window.end > 0.88 ? "end" : "start"}">${high === Infinity ? "∞" : readable(high)}</text>`,
  ].join("");
  const legend = rank === undefined ? ["outside", "inside"] : ["rejected", "inside", "accepted"];
  const names = { rejected: "left of τ: rejected at once", inside: "go on", accepted: "right of τ: accepted at once", outside: "leave" };
  const key = legend.map((kind) => `<span class="key ${kind}">${names[kind]}</span>`).join(" ");
  return `<div class="strip"><p>${escaped(words)}; ${escaped(scores)}.</p>
<svg viewBox="0 0 400 108" role="img" aria-label="${escaped(words)}">${bars.join("")}${ends}${threshold}${endLabels}
<text class="scale" x="${left}" y="105">least confident</text><text class="scale" x="${right}" y="105" text-anchor="end">most confident</text></svg>
<p class="keys">${key}</p></div>`;
}

/** The windows of a point, or the words that say why it has none. */
function windowOf(point) {
  const rule = data.rules[table.at("rule", point.row)];
  if (rule === undefined) return '<p class="note">The sweep has no fitted rule for this point.</p>';
  const key = table.at("windows", point.row);
  const windows = rule.windows[key];
  const note = point.rows.length > 1 ? '<p class="note">Of the first of the averaged cascades.</p>' : "";
  const samples = key.startsWith("ood:") ? "samples of the unlabelled stream" : "validation samples";
  const tuned = key === "tuning" ? '<p class="note">Fitted on the tuning part of the validation set; the other part certifies.</p>' : "";
  if (windows === undefined) return `${note}<p>${escaped(rule.words ?? "The sweep kept no window for this data.")}</p>`;
  return note + windows.map((window, stage) => stripOf(window, stage, windows.length, samples)).join("") + tuned;
}

/** The networks of a point, in the order in which they run. */
function lineupOf(point) {
  const rule = data.rules[table.at("rule", point.row)];
  if (rule === undefined) return "";
  const names = rule.lineup.map(([family, scale, member, exit, temperature]) => {
    const parts = [`${nameOf("scale", scale)} member ${member}`];
    if (exit !== null) parts.push(`exit ${exit}`);
    if (temperature !== null) parts.push(`temperature ${readable(temperature)}`);
    return parts.join(", ");
  });
  return names.join(" → ");
}

/** The commands that make a point again, with what each does; a command that does not exist has a reason instead. */
function commandsOf(point, state) {
  const sweep = data.sweeps.find((one) => one.name === table.at("sweep", point.row));
  const rule = data.rules[table.at("rule", point.row)];
  const commands = [];
  commands.push(
    sweep.command === null
      ? { what: "The sweep", why: "It was made by an earlier version of wee, which kept no command: give the same wee sweep once more." }
      : { what: "The sweep, with this point in its table", command: sweep.command },
  );
  const what = "A cascade that runs, with this setting";
  if (rule === undefined || sweep.calibrate === null) commands.push({ what, why: "The sweep has no fitted rule, or no command, for it." });
  else if (rule.not_calibrated !== undefined) commands.push({ what, why: rule.not_calibrated });
  else {
    const task = rule.needs_task ? data.metrics[state.y].calibrate ?? sweep.task : "";
    const about = table.at("task", point.row);
    if (task === null || (about !== null && !data.metrics[about]?.calibrate)) {
      commands.push({ what, why: "Cascades are calibrated for tasks of ID data alone." });
    } else {
      commands.push({ what, command: `${sweep.calibrate} ${rule.calibrate}${task === "" ? "" : ` ${task}`}` });
    }
  }
  return commands;
}

/** All values of a point on the data that is shown, by metric. */
function valuesOfPoint(point) {
  const score = table.at("eval_score", point.row);
  const cost = table.at("cost", point.row);
  return rowsByPoint.get(table.columns.point.codes[point.row]).filter((row) => {
    const own = table.at("eval_score", row);
    return table.at("cost", row) === cost && (own === null || score === null || own === score);
  });
}

/** The panel about a point. */
function detailsOf(point, state, encoding) {
  const settings = [...settingsOf(point).slice(1), ["Runs", lineupOf(point)]].filter(([, text]) => text !== "");
  const list = settings.map(([name, text]) => `<dt>${escaped(name)}</dt><dd>${escaped(text)}</dd>`).join("");
  const commands = commandsOf(point, state).map(({ what, command, why }, place) =>
    command === undefined
      ? `<p><strong>${escaped(what)}:</strong> ${escaped(why)}</p>`
      : `<p><strong>${escaped(what)}</strong></p><div class="command"><code id="command${place}" tabindex="0">${escaped(command)}</code><button type="button" data-copy="command${place}">Copy</button></div>`,
  ).join("");
  const values = valuesOfPoint(point).map((row) => {
    const metric = table.at("metric", row);
    const strong = metric === state.y ? ' class="shown"' : "";
    return `<tr${strong}><th scope="row">${escaped(nameOf("metric", metric))}</th><td>${escaped(valueText(metric, table.at("value", row), table.at("lower", row), table.at("upper", row)))}</td></tr>`;
  }).join("");
  const first = point.rows.length > 1 ? " of the first of the averaged cascades" : "";
  const cost = table.at("cost", point.row);
  return `<div class="head"><h2>${symbol(encoding.shape(point.row), encoding.colour(point.row), 16)} ${escaped(table.at("series", point.row))}</h2>
<button type="button" id="close" aria-label="Close the details">✕</button></div>
<dl class="coordinates">${coordinatesOf(point, state).map(([name, text]) => `<div><dt>${escaped(name)}</dt><dd>${escaped(text)}</dd></div>`).join("")}</dl>
<h3>Where its window lies</h3>${windowOf(point)}
<h3>Make it again</h3>${commands}
<h3>Setting</h3><dl class="setting">${list}</dl>
<details class="values"><summary>All values on this data${first}</summary><table><tbody>${values}
<tr><th scope="row">average ${escaped(data.costs[cost].label)}</th><td>${escaped(costText(cost, table.at("price", point.row)))}</td></tr></tbody></table></details>`;
}

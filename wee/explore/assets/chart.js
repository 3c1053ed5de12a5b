"use strict";
// The drawing: Vega draws what `show` hands over, and `nearest` finds the point beneath a pointer.

const drawing = document.getElementById("drawing");

/** Colours and shapes of the values of the dimensions that are chosen for them. Lines have dashes in the place of shapes. */
class Encoding {
  constructor(state) {
    this.colourBy = state.colour;
    this.shapeBy = state.shape;
    this.places = {};
    for (const column of new Set([state.colour, state.shape])) {
      this.places[column] = new Map(valuesOf(column).map((value, place) => [value, place]));
    }
  }

  colour(row) {
    const value = table.at(this.colourBy, row);
    return this.colourOf(value);
  }

  colourOf(value) {
    if (this.colourBy === "series") return data.looks[value].colour;
    const places = this.places[this.colourBy];
    const place = places.get(value);
    const { colours, ramp } = data.style;
    if (!ORDERED.has(this.colourBy)) return colours[place % colours.length];
    return ramp[places.size === 1 ? ramp.length - 1 : Math.round((place / (places.size - 1)) * (ramp.length - 1))];
  }

  shape(row) {
    return this.shapeOf(table.at(this.shapeBy, row));
  }

  shapeOf(value) {
    if (this.shapeBy === "series") return data.looks[value].shape;
    const { shapes } = data.style;
    return shapes[this.places[this.shapeBy].get(value) % shapes.length];
  }

  /** Whether dashes tell lines apart that have the same colour. */
  get dashed() {
    return this.shapeBy !== this.colourBy && this.places[this.shapeBy].size > 1;
  }

  dashOf(value) {
    const { dashes } = data.style;
    return dashes[this.places[this.shapeBy].get(value) % dashes.length];
  }

  /** The dashes of a line of points; `plain` where shapes do not tell lines apart. */
  dash(linePoints, plain) {
    const values = new Set(linePoints.map((point) => table.at(this.shapeBy, point.row)));
    return this.dashed && values.size === 1 ? this.dashOf([...values][0]) : plain;
  }
}

/** The views of the chart, one for each kind of scale of costs, and where the points are. */
class Chart {
  constructor() {
    this.points = [];
    this.views = {};
    this.view = null;
  }

  /** Make the views. */
  async load() {
    for (const kind of ["linear", "log"]) {
      const spec = structuredClone(data.chart);
      spec.scales.find((scale) => scale.name === "x").type = kind;
      const box = document.createElement("div");
      drawing.append(box);
      const { view } = await vegaEmbed(box, spec, { mode: "vega", renderer: "canvas", actions: false, hover: false, tooltip: false });
      this.views[kind] = { box, view };
    }
  }

  /** Draw points, fronts and lines. */
  show(state, points, fronts, references, encoding) {
    const axis = axisOf(state);
    const logarithmic = state.log && axis.metric === null && points.every((point) => point.x > 0);
    for (const [kind, { box, view }] of Object.entries(this.views)) {
      box.hidden = (kind === "log") !== logarithmic;
      if (!box.hidden) this.view = view;
    }
    this.points = points;
    const order = (row) => data.looks[table.at("series", row)].order;
    const datum = (point, index) => ({
      x: point.x, y: point.y, colour: encoding.colour(point.row), shape: encoding.shape(point.row), index, order: order(point.row),
    });
    const drawn = points.map(datum).sort((a, b) => a.order - b.order);
    const intervals = state.intervals
      ? points.filter((point) => point.lower !== null && point.upper !== null).map((point) => ({
        x: point.x, lower: point.lower, upper: point.upper, colour: encoding.colour(point.row),
      }))
      : [];
    const line = (plain) => (linePoints, place) => linePoints.map((point) => ({
      x: point.x, y: point.y, line: place, colour: encoding.colour(point.row), dash: encoding.dash(linePoints, plain),
    }));
    const frontLines = fronts.flatMap(line([]));
    const all = [...points, ...fronts.flat(), ...references.flat()];
    const heights = [...all.map((one) => one.y), ...intervals.flatMap((one) => [one.lower, one.upper])];
    const xDomain = extent(all.map((one) => one.x));
    // A reference at a single scale is no line: it has a mark, and a level line through the whole chart.
    const level = (linePoints) => (linePoints.length > 1 ? linePoints : xDomain.map((x) => ({ ...linePoints[0], x })));
    const referenceLines = references.map(level).flatMap(line([5, 3]));
    const levels = references.filter((linePoints) => linePoints.length === 1).map(([point]) => datum(point, -1));
    const view = this.view;
    view.signal("xTitle", axis.title).signal("yTitle", data.metrics[state.y].axis);
    view.signal("xFormat", axis.cost !== null && xDomain[1] >= 1000 ? "~s" : "~g");
    view.signal("xDomain", xDomain).signal("yDomain", extent(heights));
    view.signal("area", points.length > 1500 ? 30 : points.length > 250 ? 55 : 85);
    view.signal("opacity", points.length > 250 ? 0.75 : 0.9);
    view.data("points", drawn).data("intervals", intervals).data("fronts", frontLines).data("references", referenceLines).data("levels", levels);
    this.resize();
  }

  /** Fit the drawing into its box. */
  resize() {
    if (this.view === null) return;
    const width = Math.max(260, drawing.clientWidth);
    const height = Math.round(Math.max(330, Math.min(560, width * 0.62, window.innerHeight * 0.66)));
    this.view.width(width).height(height).resize().run();
  }

  /** Put rings around points: thin around the current one, thick around the chosen one. */
  mark(current, chosen) {
    const ring = (point, area, weight) => (point === null ? [] : [{ x: point.x, y: point.y, area, weight }]);
    this.view.data("marked", [...ring(chosen, 260, 2.6), ...ring(current, 190, 1.4)]).run();
  }

  /** Where points are, in pixels from the left and from the top of the drawing. */
  positions(points) {
    const [left, top] = this.view.origin();
    const [x, y] = [this.view.scale("x"), this.view.scale("y")];
    return points.map((point) => [left + x(point.x), top + y(point.y)]);
  }

  position(point) {
    return this.positions([point])[0];
  }

  /** The place of the point nearest to some pixels, or -1 if none is within reach. */
  nearest(x, y, reach) {
    let best = -1;
    let least = reach * reach;
    this.positions(this.points).forEach(([left, top], place) => {
      const distance = (left - x) ** 2 + (top - y) ** 2;
      if (distance <= least) {
        least = distance;
        best = place;
      }
    });
    return best;
  }
}

/** The lowest and the highest of some numbers; a little more if they are the same. */
function extent(numbers) {
  let [low, high] = [Infinity, -Infinity];
  for (const number of numbers) {
    low = Math.min(low, number);
    high = Math.max(high, number);
  }
  if (low > high) return [1, 10];
  if (low === high) return [low - Math.abs(low) * 0.05 - 1e-9, high + Math.abs(high) * 0.05 + 1e-9];
  return [low, high];
}

/** The paths of the shapes in the legend, in a box from -1 to 1. */
const SHAPE_PATHS = {
  circle: "M-.8,0A.8,.8,0,1,0,.8,0A.8,.8,0,1,0,-.8,0Z",
  square: "M-.75,-.75H.75V.75H-.75Z",
  "triangle-up": "M0,-.85L.85,.7H-.85Z",
  "triangle-down": "M0,.85L.85,-.7H-.85Z",
  "triangle-left": "M-.85,0L.7,-.85V.85Z",
  "triangle-right": "M.85,0L-.7,-.85V.85Z",
  diamond: "M0,-1L.8,0L0,1L-.8,0Z",
  cross: "M-.3,-.9H.3V-.3H.9V.3H.3V.9H-.3V.3H-.9V-.3H-.3Z",
};

/** A symbol on a piece of line as an SVG element. */
function lineSymbol(shape, colour, dashes) {
  const path = SHAPE_PATHS[shape] ?? shape;
  return `<svg class="symbol" width="40" height="13" viewBox="-20 -6.5 40 13" aria-hidden="true"><path d="M-20,0H20" stroke="${colour}" stroke-width="2" stroke-dasharray="${dashes.join(" ")}"/><path d="${path}" transform="scale(5)" fill="${colour}"/></svg>`;
}

/** A symbol as an SVG element. */
function symbol(shape, colour, size = 13) {
  const path = SHAPE_PATHS[shape] ?? shape;
  return `<svg class="symbol" width="${size}" height="${size}" viewBox="-1.1 -1.1 2.2 2.2" aria-hidden="true"><path d="${path}" fill="${colour}"/></svg>`;
}

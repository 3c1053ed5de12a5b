"use strict";
// The rows of the page: columns of few different values, packed as the places of the values among them.

/** One packed column. `codes[row]` is the place of a row's value in `values`. */
class Column {
  constructor(name, packed, length) {
    this.name = name;
    this.values = packed.values.map((value) => (value === "inf" ? Infinity : value === "-inf" ? -Infinity : value));
    this.codes = packed.codes === undefined ? new Uint8Array(length) : Column.unpack(packed.codes, packed.bytes);
  }

  static unpack(text, bytes) {
    const raw = atob(text);
    const content = new Uint8Array(raw.length);
    for (let place = 0; place < raw.length; place += 1) content[place] = raw.charCodeAt(place);
    const kinds = { 1: Uint8Array, 2: Uint16Array, 4: Uint32Array };
    return new kinds[bytes](content.buffer);
  }

  at(row) {
    return this.values[this.codes[row]];
  }

  /** The place of a value, or -1 if no row has it. */
  codeOf(value) {
    return this.values.indexOf(value);
  }
}

/** A table of packed columns. */
class Table {
  constructor(packed) {
    this.length = packed.length;
    this.columns = {};
    for (const [name, column] of Object.entries(packed.columns)) {
      this.columns[name] = new Column(name, column, packed.length);
    }
  }

  at(name, row) {
    return this.columns[name].at(row);
  }

  values(name) {
    return this.columns[name].values;
  }

  /** Rows as the text of a CSV file, as pandas writes and reads it. */
  csv(names, rows) {
    const lines = [names.join(",")];
    for (const row of rows) lines.push(names.map((name) => csvCell(this.at(name, row))).join(","));
    return `${lines.join("\n")}\n`;
  }
}

function csvCell(value) {
  if (value === null || value === undefined) return "";
  if (value === true) return "True";
  if (value === false) return "False";
  if (value === Infinity) return "inf";
  if (value === -Infinity) return "-inf";
  const text = String(value);
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** A number with three digits and an SI prefix, as `wee.units.si` writes it. */
function si(number) {
  for (const [factor, prefix] of [[1e9, " G"], [1e6, " M"], [1e3, " k"]]) {
    if (number >= factor) return `${Number((number / factor).toPrecision(3))}${prefix}`;
  }
  return `${Number(number.toPrecision(3))}`;
}

/** A number for reading: two decimals of percentages, four digits of all others. */
function readable(number, unit) {
  if (number === null || number === undefined || Number.isNaN(number)) return "–";
  if (!Number.isFinite(number)) return number > 0 ? "∞" : "−∞";
  const text = unit === "%" ? number.toFixed(2) : `${Number(number.toPrecision(4))}`;
  return text.replace("-", "−");
}

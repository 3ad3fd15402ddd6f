// What a page of samples shows beside that of documents: a bar for each sample, by group; features
// of each component against the mean; effects; the samples whose shares are least certain.

const MOST_DOUBLINGS = 5; // of a bar's length; what is farther from the mean is cut
const MOST_ALIKE = 5; // percent by which intervals differ and are still called alike
const byShare = () =>
  data.topics.map((_, k) => k).sort((a, b) => data.topics[b].share - data.topics[a].share || a - b);

function samplesOverview() {
  return [
    data.samples ? later(stacks) : null,
    later(againstMean),
    data.effects ? later(forest) : null,
    data.samples ? later(leastCertain) : null,
  ];
}

// --- a bar for each sample -----------------------------------------------------------------------

function stackGroups() {
  const { ids, label, time, share, scale, groupings } = data.samples;
  const rows = ids.map((_, i) => i).filter((i) => known({ label: label[i], time: time[i] }));
  const grouping = groupings[state.by ?? 0];
  const groups = grouping === undefined
    ? [{ name: `All ${say.row}s`, rows, n: data.total, mean: (k) => data.topics[k].share }]
    : grouping.levels.map((name, g) => ({
      name, rows: rows.filter((i) => grouping.of[i] === g), n: grouping.n[g],
      mean: (k) => grouping.mean[g][k],
    }));
  const byLabel = grouping?.name === labelled && data.labels?.length > 1;
  // Of what a filter leaves, a page of many samples knows sums by label and time, else its bars.
  const left = ({ name, rows }, g) => {
    const found = grouping === undefined ? group(state.label) : byLabel ? group(g) : null;
    if (found) return { name, rows, n: found.n, mean: found.share };
    const mean = (k) => rows.reduce((sum, i) => sum + share[i][k], 0) / scale / rows.length;
    return { name, rows, n: rows.length, mean, ofBars: ids.length < data.total };
  };
  return (isFiltered() ? groups.map(left) : groups).filter((g) => g.rows.length);
}

function stacks() {
  const { ids, groupings } = data.samples;
  const groups = stackGroups();
  const order = byShare();
  const select = groupings.length < 2 ? null : h("label", {}, "Grouped by ",
    h("select", { id: "by", onchange: (event) => change({ by: Number(event.target.value) }) },
      groupings.map((g, i) =>
        text("option", g.name, { value: i, selected: i === (state.by ?? 0) }))));
  const few = ids.length < data.total
    ? `${grouped(ids.length)} of ${grouped(data.total)}, evenly chosen. `
    + (groups.some((g) => g.ofBars) ? "The numbers of each group are of these alone. " : "") : "";
  return section(`The ${say.row}s`,
    h("p", { class: "soft" }, `Each upright bar is a ${say.row}, parted by its shares of ${say.part}s. ${few}`
      + `Point at a bar, or go along with the arrow keys, for its name; click for the ${say.row}.`),
    select ? h("p", {}, select) : null,
    h("ul", { class: "plain stacks" }, groups.map((g) => stack(g, order))),
    table([groupings[state.by ?? 0]?.name ?? "", `${say.row}s`, ...order.map(called)],
      groups.map((g) => [g.name, grouped(g.n), ...order.map((k) => percent(g.mean(k)))])));
}

function stack({ name, n, rows }, order) {
  const { ids, held, share, scale } = data.samples;
  const pick = s("rect", { class: "pick", y: 0, width: 1, height: scale, hidden: true });
  const said = h("p", { class: "soft said" });
  let chosen = 0;
  const parts = (i) => order.filter((k) => share[i][k] >= 0.01 * scale)
    .sort((a, b) => share[i][b] - share[i][a]);
  const tell = (place) => {
    chosen = Math.max(0, Math.min(rows.length - 1, place));
    const i = rows[chosen];
    pick.setAttribute("x", chosen);
    pick.removeAttribute("hidden");
    said.replaceChildren(text("b", ids[i]), " ", ...parts(i).flatMap((k) =>
      [dot(k), text("span", called(k)), ` ${whole(share[i][k] / scale)} `]));
    const told = parts(i).map((k) => `${called(k)} ${whole(share[i][k] / scale)}`).join(", ");
    drawn.setAttribute("aria-valuenow", chosen + 1);
    drawn.setAttribute("aria-valuetext", `${ids[i]}: ${told}`);
  };
  const open = () => held[rows[chosen]] >= 0 && change({ ...view, doc: held[rows[chosen]] });
  const at = (event) => {
    const box = drawn.getBoundingClientRect();
    return Math.floor(((event.clientX - box.left) / box.width) * rows.length);
  };
  const steps = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, Home: -1e9, End: 1e9 };
  const drawn = s("svg", {
    class: "stack", viewBox: `0 0 ${rows.length} ${scale}`, preserveAspectRatio: "none",
    tabindex: 0, role: "slider", "aria-label": `${capital(say.row)}s, ${name}`,
    "aria-valuemin": 1, "aria-valuemax": rows.length, "aria-valuenow": 1,
    onpointermove: (event) => tell(at(event)),
    onclick: (event) => { tell(at(event)); open(); },
    onfocus: () => tell(chosen),
    onkeydown: (event) => {
      if (event.key === "Enter") open();
      if (!(event.key in steps)) return;
      event.preventDefault();
      tell(chosen + steps[event.key]);
    },
  }, layers(rows, order), pick);
  return h("li", {}, h("p", {}, text("b", name), h("small", { class: "soft" }, ` ${many(n, say.row)}`)),
    drawn, said);
}

// A path for each component, which steps from bar to bar.
function layers(rows, order) {
  const { share, scale } = data.samples;
  const low = new Array(rows.length).fill(scale);
  return order.map((k) => {
    const top = rows.map((i, place) => low[place] - share[i][k]);
    const there = top.map((y, place) => `V${y}H${place + 1}`).join("");
    const back = low.map((y, place) => `V${y}H${place}`).reverse().join("");
    top.forEach((y, place) => { low[place] = y; });
    return s("path", { class: `hue${data.topics[k].hue}`, "data-part": k, d: `M0 ${top[0]}${there}${back}Z` });
  });
}

// --- features and effects ------------------------------------------------------------------------

function againstMean() {
  const most = Math.min(MOST_DOUBLINGS, Math.max(1, ...data.apart.flat().map(([, r]) => Math.abs(r))));
  const cards = byShare().map((k) => h("li", {},
    h("h4", {}, link(k)),
    h("ul", { class: "bars apart" }, data.apart[k].map(([w, ratio]) => {
      const size = Math.min(1, Math.abs(ratio) / most) * 50;
      return h("li", {}, h("a", { href: to({ word: w }), dir: "auto" }, data.words[w]),
        h("span", { class: `track hue${data.topics[k].hue}`, "aria-hidden": "true" },
          h("i", { class: "bar", style: { left: `${ratio < 0 ? 50 - size : 50}%`, width: `${size}%` } }),
          h("i", { class: "tick", style: { left: "50%" } })),
        h("span", { class: "number" }, times(2 ** ratio)));
    }))));
  return section(`${capital(say.column)}s against the mean`,
    h("p", { class: "soft" }, `How many times as much of each ${say.column} a ${say.part} has as the mean `
      + `${say.row}: to the right more, to the left less. All have one scale, of doublings, from `
      + `${times(2 ** -most)} to ${times(2 ** most)}.`),
    h("ul", { class: "plain cards" }, cards));
}

// Words have one scale; a unit of a number has its own.
function forest() {
  const { told, kinds, values } = data.effects;
  const largest = (c) => Math.max(...values[c].flat().map(Math.abs), 1e-9);
  const ofWords = Math.max(1e-9, ...kinds.flatMap((kind, c) => (kind === "words" ? [largest(c)] : [])));
  const each = { numbers: ", for each unit", dates: ", for each day", durations: ", for each day" };
  const order = byShare();
  const card = (c) => h("li", {},
    h("h4", {}, text("span", told[c]), each[kinds[c]] ?? ""),
    h("ul", { class: "bars by effects forest" }, order.map((k) =>
      effectRow(k, values[c][k], kinds[c] === "words" ? ofWords : largest(c), link(k)))));
  const list = listed(told.map((_, c) => c), card, 8, "");
  [list].flat()[0].classList.add("cards", "forests");
  return section(`With what is known of the ${say.row}s`,
    h("p", { class: "soft" }, `Change of each ${say.part}'s share in points of percent, with `
      + `${whole(data.sure)} intervals. Intervals without 0 are in bold; of many, some are so by chance. `
      + `The intervals take the ${say.part}s as known and the ${say.row}s as independent. Effects need not be causes.`), list);
}

// --- the least certain ---------------------------------------------------------------------------

function leastCertain() {
  const rows = data.samples.widest.filter(([d]) => known(data.documents[d]));
  const drawn = ([d, k, ...interval_]) => h("li", { class: "document" },
    h("p", { class: "head" }, h("a", { href: to({ doc: d }), dir: "auto" }, data.documents[d].id),
      h("span", { class: "soft", dir: "auto" }, about(data.documents[d]).join(" \u00b7 "))),
    h("p", { class: "share" }, link(k), bar(k, interval_, 1),
      h("span", { class: "number" }, `${whole(interval_[0])} (${range(...interval_.slice(1))})`)));
  const list = listed(rows, drawn, 5, "None is of the filter.");
  [list].flat()[0].classList.add("widest");
  const more = Math.round(100 * (data.samples.wider - 1));
  if (more <= MOST_ALIKE) return section(`How sure the ${say.row}s' shares are`,
    h("p", { class: "soft" }, `Half of the ${say.row}s or more are about as unsure as these: the widest ${whole(data.level)} interval is `
      + `${more < 1 ? "less than 1" : more}% wider than that of the ${say.row} in the middle. Their `
      + "order says little."), list);
  return section(`${capital(say.row)}s with the widest intervals`,
    h("p", { class: "soft" }, `What their ${say.unit}s leave open is most: with each, the ${say.part} whose `
      + `${whole(data.level)} interval is widest.`), list);
}

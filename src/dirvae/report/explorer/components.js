// The page of a VAE of rows: what its components mean, and its latent to play with. The point of
// the simplex that is decoded stands in the address after "#".

const app = document.getElementById("parts");
const K = data.mean.length;
const order = data.mean.map((_, k) => k).sort((a, b) => data.mean[b] - data.mean[a] || a - b);
const hue = (k) => `hue${order.indexOf(k) % 8}`;

// A plain loop: a call for each of a million bytes takes ten times as long.
function bytes(coded) {
  const letters = atob(coded);
  const found = new Uint8Array(letters.length);
  for (let i = 0; i < letters.length; i++) found[i] = letters.charCodeAt(i);
  return found;
}

// --- the decoder -------------------------------------------------------------------------------

const POWERS = Array.from({ length: 32 }, (_, exponent) => 2 ** (exponent - 25));

function halves(coded) {
  const pairs = bytes(coded);
  const found = new Float32Array(pairs.length / 2);
  for (let i = 0; i < found.length; i++) {
    const bits = pairs[2 * i] | (pairs[2 * i + 1] << 8);
    const [exponent, fraction] = [(bits >> 10) & 31, bits & 1023];
    const size = exponent ? POWERS[exponent] * (1024 + fraction) : POWERS[1] * fraction;
    found[i] = bits >> 15 ? -size : size;
  }
  return found;
}
const singles = (coded) => new Float32Array(bytes(coded).buffer);

const PIECE = 2 ** 16; // letters; of 16, which are 12 bytes, so that no number is cut

// Filled a piece at a time, so that the page answers in between.
function numbers({ shape, half, single }) {
  const [coded, read, size] = half ? [half, halves, 2] : [single, singles, 4];
  const found = new Float32Array(shape.reduce((a, b) => a * b, 1));
  for (let at = 0; at < coded.length; at += PIECE)
    setTimeout(() => found.set(read(coded.slice(at, at + PIECE)), (0.75 * at) / size));
  return found;
}

// The error function, to 1.5e-7: Abramowitz & Stegun 1964, 7.1.26.
function erf(x) {
  const t = 1 / (1 + 0.3275911 * Math.abs(x));
  const sum = ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t
    + 0.254829592) * t;
  return Math.sign(x) * (1 - sum * Math.exp(-x * x));
}

const mean = (values) => values.reduce((sum, v) => sum + v, 0) / values.length;

const STEPS = {
  standardize: (x, { mean: m, inverse }) => x.map((v, i) => (v - m[i]) * inverse[i]),
  "log ratios": (x, parts) => {
    const logs = x.map((v) => Math.log(Math.max(v, 1.1754943508222875e-38)));
    const middle = mean(logs);
    return STEPS.standardize(logs.map((v) => v - middle), parts);
  },
  linear: (x, { weight, bias }) => Float64Array.from(bias, (sum, row) => {
    let total = sum;
    for (let i = 0; i < x.length; i++) total += weight[row * x.length + i] * x[i];
    return total;
  }),
  norm: (x, { weight, bias, eps }) => {
    const middle = mean(x);
    const scale = 1 / Math.sqrt(mean(x.map((v) => (v - middle) ** 2)) + eps[0]);
    return x.map((v, i) => (v - middle) * scale * weight[i] + bias[i]);
  },
  gelu: (x) => x.map((v) => 0.5 * v * (1 + erf(v / Math.SQRT2))),
  relu: (x) => x.map((v) => Math.max(v, 0)),
  tanh: (x) => x.map(Math.tanh),
  sigmoid: (x, { offset }) => x.map((v, i) => 1 / (1 + Math.exp(-v - offset[i]))),
  softmax: (x, { offset, total }) => {
    const raw = x.map((v, i) => v + offset[i]);
    const most = raw.reduce((a, b) => Math.max(a, b));
    const sizes = raw.map((v) => Math.exp(v - most));
    const sum = sizes.reduce((a, b) => a + b, 0);
    return sizes.map((v) => (total[0] * v) / sum);
  },
  affine: (x, { offset, shift, unit }) =>
    Float64Array.from(offset, (o, i) => shift[i] + unit[i] * (x[i] + o)),
};

let layers = null; // until they are unpacked

function unpack(then) {
  const found = data.decoder.map(({ kind, ...parts }) => [STEPS[kind],
    Object.fromEntries(Object.entries(parts).map(([name, array]) => [name, numbers(array)]))]);
  setTimeout(() => {
    layers = found;
    then();
  });
}

const decode = (z) => layers.reduce((x, [step, parts]) => step(x, parts), Float64Array.from(z));

// --- pictures ----------------------------------------------------------------------------------

function paint(canvas, shade) {
  const [height, width] = data.shape;
  const context = canvas.getContext("2d", { willReadFrequently: true }); // small: no use of a GPU
  const image = context.createImageData(width, height);
  const { data: pixels } = image;
  for (let i = 0; i < width * height; i++) {
    pixels[4 * i] = pixels[4 * i + 1] = pixels[4 * i + 2] = shade(i);
    pixels[4 * i + 3] = 255;
  }
  context.putImageData(image, 0, 0);
}

function picture(label, coded, kind = "") {
  const canvas = h("canvas", {
    width: data.shape[1], height: data.shape[0], class: kind, role: "img", "aria-label": label,
  });
  if (coded) setTimeout(() => {
    const grey = bytes(coded);
    paint(canvas, (i) => grey[i]);
  });
  return canvas;
}

const rounded = (value) => Number(value.toPrecision(3)).toString();

function featureRows(rows) {
  return rows.map(([d, value, apart]) => h("li", {},
    text("span", data.features[d]), h("span", { class: "number" }, rounded(value)),
    h("span", { class: "number soft" }, `${apart > 0 ? "+" : "\u2212"}${Math.abs(apart).toFixed(1)} sd`)));
}

// --- components --------------------------------------------------------------------------------

function card(k) {
  const most = Math.max(...data.mean, ...data.prior, 1e-9);
  const used = data.use[k] > 0.01;
  return h("li", { class: hue(k) },
    h("h3", {}, h("i", { class: "dot" }), `Component ${k} `, used ? null : h("small", { class: "soft" }, "not in use")),
    h("p", { class: "share" }, h("span", { class: "track", "aria-hidden": "true" },
      h("i", { class: "bar", style: { width: `${(100 * data.mean[k]) / most}%` } }),
      h("i", { class: "tick", style: { left: `${(100 * data.prior[k]) / most}%` } })),
    h("span", { class: "number" }, percent(data.mean[k]))),
    data.shape
      ? h("div", { class: "strip" }, picture(`Decoded, nearly all component ${k}`, data.corners[k], "large"),
        h("div", { class: "strip" }, data.examples[k].map((row) =>
          picture(`Row ${row.id}, ${whole(row.share)} component ${k}`, row.image))))
      : [h("ol", { class: "features" }, featureRows(data.corners[k])),
        h("p", { class: "soft", dir: "auto" }, "Most in ",
          data.examples[k].slice(0, 5).map((row) => `${row.id} (${whole(row.share)})`).join(", "))],
    data.decoder ? h("button", { type: "button", onclick: () => move(corner(k)) }, `Go to component ${k}`) : null);
}

function components() {
  return h("section", {}, h("h2", {}, "Components"),
    h("p", { class: "soft" }, data.shape
      ? "Large: decoded, where the component is 95%. Small: the rows that have most of it. "
      : "The columns that are farthest from their mean where the component is 95%. ",
    "Bars: its mean share; ticks: the prior's."),
    fillLater(h("ul", { class: "cards" }), order, card));
}

// --- play --------------------------------------------------------------------------------------

const corner = (k) => data.mean.map((_, j) => (j === k ? 1 : 0));
let z = null;
let chosen = order.slice(0, 3);

function read() {
  const found = (new URLSearchParams(location.hash.slice(1)).get("z") ?? "").split(",").map(Number);
  const total = found.reduce((a, b) => a + b, 0);
  const valid = found.length === K && found.every((v) => v >= 0 && v <= 1) && total > 0;
  return valid ? found.map((v) => v / total) : corner(order[0]);
}

// To the point whose component k is `value`; the others keep their proportions.
function along(k, value) {
  const rest = 1 - z[k];
  return z.map((v, j) => {
    if (j === k) return value;
    return rest > 1e-9 ? (v * (1 - value)) / rest : (1 - value) / (K - 1);
  });
}

const CORNERS = [[0, 86.6], [100, 86.6], [50, 0]];

function triangle() {
  const point = s("circle", { r: 4, class: "here" });
  const labels = CORNERS.map(([x, y], i) => s("text", { x, y: y + (i < 2 ? 12 : -6) }));
  const drawn = s("svg", {
    class: "triangle", viewBox: "-12 -12 124 112", role: "img",
    "aria-label": "Triangle of three components; the sliders do the same.",
  }, s("path", { d: "M0 86.6L100 86.6L50 0Z" }), labels, point);
  const at = (event) => {
    const box = drawn.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * 124 - 12;
    const y = ((event.clientY - box.top) / box.height) * 112 - 12;
    const top = 1 - y / 86.6;
    const right = (x - 50 * top) / 100;
    const clipped = [1 - top - right, right, top].map((v) => Math.max(0, v));
    const total = clipped.reduce((a, b) => a + b);
    const next = data.mean.map(() => 0);
    chosen.forEach((k, i) => (next[k] += clipped[i] / total));
    move(next);
  };
  drawn.addEventListener("pointerdown", (event) => {
    drawn.setPointerCapture(event.pointerId);
    at(event);
  });
  drawn.addEventListener("pointermove", (event) => event.buttons && at(event));
  const show = () => {
    const share = chosen.map((k) => z[k]);
    const total = share.reduce((a, b) => a + b, 0) || 1;
    const [x, y] = [0, 1].map((axis) =>
      share.reduce((sum, v, i) => sum + (v / total) * CORNERS[i][axis], 0));
    point.setAttribute("cx", x);
    point.setAttribute("cy", y);
    point.style.opacity = total > 0.05 ? 1 : 0.2;
    labels.forEach((label, i) => (label.textContent = chosen[i]));
  };
  const choices = chosen.map((_, i) => h("select", {
    "aria-label": `Corner ${i + 1} of the triangle`,
    onchange: (event) => {
      chosen[i] = Number(event.target.value);
      redraw();
    },
  }, order.map((k) => h("option", { value: k, selected: k === chosen[i] }, `component ${k}`))));
  return [h("div", {}, drawn, K >= 3 ? h("p", { class: "corners" }, choices) : null), show];
}

let redraw = () => {};
let move = () => {};

function play() {
  if (!data.decoder)
    return h("section", {}, h("h2", {}, "Play"), h("p", { class: "soft" },
      "The decoder is too large for a page, or of a build that it cannot draw."));
  z = read();
  const out = data.shape ? picture("Decoded", null, "decoded") : h("ol", { class: "features decoded" });
  const said = h("p", { class: "soft", "aria-live": "polite" });
  const sliders = data.mean.map((_, k) => h("input", {
    type: "range", id: `z${k}`, min: 0, max: 1, step: 0.01,
    oninput: (event) => move(along(k, Number(event.target.value))),
  }));
  const values = data.mean.map(() => h("span", { class: "number" }));
  const [drawn, show] = K >= 3 ? triangle() : [null, () => {}];
  const showDecoded = (x) => {
    const [low, high] = data.range;
    if (data.shape) paint(out, (i) => Math.round((255 * (x[i] - low)) / (high - low || 1)));
    else out.replaceChildren(...featureRows(farthest(x)));
  };
  redraw = () => {
    if (layers) showDecoded(decode(z));
    sliders.forEach((slider, k) => {
      if (slider !== document.activeElement) slider.value = z[k];
      values[k].textContent = percent(z[k]);
      slider.setAttribute("aria-valuetext", percent(z[k]));
    });
    said.textContent = order.filter((k) => z[k] >= 0.05).sort((a, b) => z[b] - z[a]).slice(0, 4)
      .map((k) => `${whole(z[k])} component ${k}`).join(", ");
    show();
  };
  move = (next) => {
    z = next;
    history.replaceState(null, "", `#z=${z.map((v) => Number(v.toFixed(4))).join(",")}`);
    redraw();
  };
  addEventListener("hashchange", () => {
    z = read();
    redraw();
  });
  redraw();
  unpack(redraw);
  return h("section", { id: "play" }, h("h2", {}, "Play with the latent"),
    h("p", { class: "soft" }, "Move a slider or drag in the triangle: shares always sum to 1, and the decoder "
      + "runs in this page."),
    h("div", { class: "play" },
      h("div", {}, out, said), drawn,
      h("ul", { class: "sliders" }, order.map((k) => h("li", { class: hue(k) },
        h("label", { for: `z${k}` }, h("i", { class: "dot" }), `Component ${k}`), sliders[k], values[k])))),
    h("p", {}, h("button", { type: "button", onclick: () => move([...data.prior]) }, "Mean of the prior")));
}

function farthest(x) {
  const rows = data.features.map((_, d) =>
    [d, x[d], data.spread[d] > 0 ? (x[d] - data.average[d]) / data.spread[d] : 0]);
  return rows.sort((a, b) => Math.abs(b[2]) - Math.abs(a[2])).slice(0, 12);
}

function reconstructions() {
  if (!data.reconstructions.length) return null;
  return h("section", {}, h("h2", {}, "Rows and what the model makes of them"),
    fillLater(h("ul", { class: "strip pairs" }), data.reconstructions, ([id, row, made]) => h("li", {},
      picture(`Row ${id}`, row), picture(`Row ${id}, reconstructed`, made))));
}

function samples() {
  if (!data.samples.length) return null;
  return h("section", {}, h("h2", {}, "What the model makes up"),
    h("p", { class: "soft" }, "Decoded at draws from the prior. Good ones look like rows of the data."),
    h("ul", { class: "strip samples" }, data.samples.map((made, i) => h("li", {}, picture(`Sample ${i + 1}`, made)))));
}

function rowMap() {
  const heights = data.map.map(([, y]) => y);
  const top = Math.max(...heights);
  const tall = Math.max(top - Math.min(...heights), 0.2); // of the width
  const point = ([x, y, k, id, image]) => h("i", {
    class: `at ${hue(k)}`, title: `${id}, most of component ${k}`,
    style: { left: `${100 * x}%`, top: `${(100 * (top - y)) / tall}%` },
  }, image ? picture("", image) : h("i", { class: "dot" }));
  const shown = data.map.length < data.total ? `${data.map.length} of ${grouped(data.total)} rows` : "All rows";
  return h("section", {}, h("h2", {}, "Map of rows"),
    h("p", { class: "soft" }, `${shown}. Near ones have similar shares; the colour is that of the largest component.`),
    h("div", { class: "rows", role: "img", "aria-label": "Rows by their shares of the components" },
      fillLater(h("div", { "aria-hidden": "true", style: { "aspect-ratio": 1 / tall } }), data.map, point)));
}

fill(document.getElementById("controls"), {}, [themeButton()]);
document.getElementById("controls").hidden = false;
document.documentElement.classList.add("js");
fill(app, {}, [play, components, rowMap, reconstructions, samples].map(later));
app.hidden = false;

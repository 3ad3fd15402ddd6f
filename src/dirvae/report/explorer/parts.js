// What all pages are made with. Whatever came from data is set as text, never as HTML.

const data = JSON.parse(document.getElementById("data").textContent);

// --- elements ----------------------------------------------------------------------------------

function fill(element, properties, children) {
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (name === "style") Object.entries(value).forEach(([k, v]) => element.style.setProperty(k, v));
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false)
      element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(9).filter((child) => child !== null && child !== undefined));
  return element;
}
const h = (tag, properties, ...children) =>
  fill(document.createElement(tag), properties, children);
const s = (tag, properties, ...children) =>
  fill(document.createElementNS("http://www.w3.org/2000/svg", tag), properties, children);
const text = (tag, value, properties = {}) => h(tag, { dir: "auto", ...properties }, String(value));

// A part of the page that is drawn in a task of its own, so that none takes long.
function later(drawn) {
  const place = h("div");
  setTimeout(() => place.isConnected && fill(place, {}, [drawn()]));
  return place;
}

// Items that are drawn likewise, one by one.
function fillLater(element, items, drawn) {
  items.forEach((item) => setTimeout(() => fill(element, {}, [drawn(item)])));
  return element;
}

// toLocaleString does the same, but takes 30 ms to load what it knows of languages.
const grouped = (count) => String(count).replace(/\B(?=(\d{3})+$)/gu, ",");
const percent = (x) => `${(100 * x).toFixed(1)}%`;
const whole = (x) => `${Math.round(100 * x)}%`;

// --- what stays between visits -----------------------------------------------------------------

const kept = {
  get(key) {
    try { return localStorage.getItem(key); } catch { return null; }
  },
  set(key, value) {
    try { localStorage.setItem(key, value); } catch { /* a browser may forbid it */ }
  },
};

// --- light and dark ----------------------------------------------------------------------------

const isDark = () => (document.documentElement.dataset.theme
  ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";

function themeButton() {
  const theme = kept.get("dirvae theme");
  if (theme === "dark" || theme === "light") document.documentElement.dataset.theme = theme;
  const named = () => (isDark() ? "Light" : "Dark");
  const button = h("button", {
    type: "button", id: "theme",
    onclick: () => {
      document.documentElement.dataset.theme = isDark() ? "light" : "dark";
      kept.set("dirvae theme", document.documentElement.dataset.theme);
      button.textContent = named();
    },
  }, named());
  return button;
}


// Views of one document, of one word, and of what was sought.

function documentView(d) {
  const document_ = data.documents[d];
  const back = state.topic === null ? h("a", { href: to({}) }, ALL) : link(state.topic);
  return [
    h("p", { class: "back" }, back),
    h("h2", { tabindex: "-1", dir: "auto" }, document_.id),
    h("p", { class: "soft", dir: "auto" }, about(document_).join(" \u00b7 ")),
    section(`Its ${say.part}s`,
      h("ul", { class: "bars of" }, document_.topics.map(([k, mean, low, high, spoken], place) =>
        h("li", {}, link(k), bar(k, [mean, low, high], 1), h("span", { class: "number" }, whole(mean)),
          h("span", { class: "number soft" }, low === null ? "" : range(low, high)),
          spoken.length ? h("small", { class: "spoken" },
            h("mark", { class: `hue${data.topics[k].hue} line${place % 4}` }, `its ${say.column}s`), ": ",
            text("span", spoken.flatMap((w, i) => (i % 2 ? [] : [data.words[w]])).join(", "))) : null))),
      h("p", { class: "soft" }, data.level === null ? "This latent gives no intervals."
        : `Whiskers: ${whole(data.level)} intervals of what its ${say.unit}s say. `, offTopic(document_.off))),
    section(`Its ${say.content}`, h("p", { class: "text whole", dir: "auto" }, marked(document_)),
      document_.cut ? h("p", { class: "soft" }, `Cut to ${grouped(data.length)} letters.`) : null),
  ];
}

function offTopic(off) {
  if (off === null) return "";
  return off > -0.1
    ? "The topics explain its words hardly better than mere frequencies do: it may be about none of them."
    : `The topics explain its words better than mere frequencies do, by ${(-off).toFixed(1)} nats a word.`;
}

function wordView(w) {
  const uses = data.uses[w];
  const rows = uses.flatMap((k, i) => (i % 2 ? [] : [[k, uses[i + 1] / 100]]));
  const inside = data.documents.map((d, i) => [d, i]).filter(([d]) =>
    d.topics.some((topic) => topic[4].some((word, i) => i % 2 === 0 && word === w)) && known(d));
  return [
    h("p", { class: "back" }, h("a", { href: to({}) }, ALL)),
    h("h2", { tabindex: "-1", dir: "auto" }, data.words[w]),
    section(`${capital(say.part)}s that use it`,
      rows.length ? h("ul", { class: "bars by" }, rows.map(([k, share]) => h("li", {}, link(k),
        bar(k, [share, null, null], 1), h("span", { class: "number" }, whole(share)))))
        : h("p", { class: "soft" }, `It is in no ${say.part}'s list on this page.`),
      h("p", { class: "soft" }, `Of all uses that are of ${say.part}s, the share that is of each.`)),
    data.documents.length ? section(`${capital(say.row)}s for whose ${say.part}s it speaks`, listed(inside, hit, 10,
      "None that this page holds.")) : null,
  ];
}

const hit = ([document_, d]) => h("li", { class: "document" },
  h("p", { class: "head" }, h("a", { href: to({ doc: d }), dir: "auto" }, document_.id),
    h("span", { class: "soft", dir: "auto" }, about(document_).join(" \u00b7 "))),
  h("p", { class: "text", dir: "auto" }, around(document_.text, plain(state.q.trim()))));

// A piece of a text around what is sought, which is set in bold.
function around(value, query) {
  const start = query ? plain(value).indexOf(query) : -1;
  if (start < 0) return value.length > 300 ? `${value.slice(0, 300)}\u2026` : value;
  const from = start > 100 ? value.indexOf(" ", start - 80) + 1 || start : 0;
  const end = start + query.length;
  return [from > 0 ? "\u2026 " : "", value.slice(from, start), h("b", {}, value.slice(start, end)),
    value.slice(end, end + 200), value.length > end + 200 ? "\u2026" : ""];
}

const plain = (value) => value.normalize("NFC").toLowerCase();
let index = null;

function found(query) {
  index ??= {
    words: data.words.map(plain),
    documents: data.documents.map((d) => plain(`${d.id} ${data.labels[d.label] ?? ""} ${d.text}`)),
  };
  const topics = data.topics.flatMap((topic, k) =>
    plain(`${names[k]} ${topic.top.map((w) => data.words[w]).join(" ")}`).includes(query)
      || String(k) === query ? [k] : []);
  const matching = index.words.flatMap((word, w) => (word.includes(query) ? [w] : []));
  matching.sort((a, b) => index.words[b].startsWith(query) - index.words[a].startsWith(query)
    || data.frequency[b] - data.frequency[a]);
  const documents = index.documents.flatMap((value, d) =>
    value.includes(query) && known(data.documents[d]) ? [[data.documents[d], d]] : []);
  return { topics, words: matching, documents };
}

function searchView(q) {
  const { topics, words: matching, documents } = found(plain(q.trim()));
  const count = `${many(topics.length, say.part)}, ${many(matching.length, say.column)}, `
    + `${many(documents.length, say.row)}`;
  document.getElementById("said").textContent = count;
  return [
    h("h2", { tabindex: "-1" }, "Found: ", text("span", q)),
    section(many(topics.length, say.part), listed(topics, (k) => h("li", {}, link(k)), 10, "None.")),
    section(many(matching.length, say.column), h("div", { class: "wordlist" }, listed(matching,
      (w) => h("li", {}, h("a", { href: to({ word: w }), dir: "auto" }, data.words[w])), 30, "None."))),
    section(many(documents.length, say.row),
      h("p", { class: "soft" }, data.documents.length
        ? `Of the ${grouped(data.documents.length)} that this page holds.` : ""),
      listed(documents, hit, 10, "None.")),
  ];
}


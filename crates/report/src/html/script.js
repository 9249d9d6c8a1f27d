"use strict";
// Adds a cursor with values to the charts. The page is complete without it.
for (const chart of document.querySelectorAll(".chart")) {
  const source = chart.querySelector('script[type="application/json"]');
  const svg = chart.querySelector("svg");
  if (!source || !svg) continue;
  const data = JSON.parse(source.textContent);
  const cursor = svg.querySelector(".cursor");
  const tip = document.createElement("div");
  tip.className = "tip";
  tip.hidden = true;
  chart.append(tip);
  const long = data.end - data.start > 3 * 864e5;

  const nearest = (time) => {
    let low = 0, high = data.at.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (data.first + data.at[middle] < time) low = middle + 1; else high = middle;
    }
    if (low > 0 && time - data.first - data.at[low - 1] < data.first + data.at[low] - time) low -= 1;
    return low;
  };

  const hide = () => {
    tip.hidden = true;
    cursor.setAttribute("visibility", "hidden");
  };

  const show = (event) => {
    const box = svg.getBoundingClientRect();
    const x = (event.clientX - box.left) / box.width * svg.viewBox.baseVal.width;
    if (x < data.left || x > data.right) return hide();
    const share = (x - data.left) / (data.right - data.left);
    const index = nearest(data.start + share * (data.end - data.start));
    const at = data.first + data.at[index];
    const place = data.left + (at - data.start) / (data.end - data.start) * (data.right - data.left);
    cursor.setAttribute("transform", `translate(${Math.min(Math.max(place, data.left), data.right)} 0)`);
    cursor.setAttribute("visibility", "visible");
    const text = new Date(at).toISOString().replace("T", " ");
    const head = document.createElement("b");
    head.textContent = long ? text.slice(0, 16) : text.slice(0, 23);
    tip.replaceChildren(head);
    for (const row of data.rows) {
      const line = document.createElement("div");
      const value = document.createElement("span");
      value.textContent = row.values[index].toLocaleString("en-US", {
        minimumFractionDigits: row.decimals, maximumFractionDigits: row.decimals,
      }).replace("-", "\u2212") + (row.unit ? " " + row.unit : "");
      line.append(row.name, value);
      tip.append(line);
    }
    tip.hidden = false;
    const left = place / svg.viewBox.baseVal.width * box.width;
    const flip = left > box.width / 2;
    tip.style.left = flip ? "auto" : `${left + 12}px`;
    tip.style.right = flip ? `${chart.clientWidth - left + 12}px` : "auto";
  };

  svg.addEventListener("pointermove", show);
  svg.addEventListener("pointerleave", hide);
}

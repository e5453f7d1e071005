"use strict";
(() => {
  const PRINTED_WIDTH = 680; // pixels of an A4 page inside its margins
  const plots = [];
  for (const figure of document.querySelectorAll("figure[data-chart]")) {
    const drawing = JSON.parse(figure.querySelector("script[type='application/json']").textContent);
    const place = figure.querySelector(".plot");
    plots.push(place);
    Plotly.newPlot(place, drawing.data, drawing.layout, drawing.config);
  }
  addEventListener("beforeprint", () => plots.forEach((place) => Plotly.relayout(place, { width: PRINTED_WIDTH })));
  addEventListener("afterprint", () => plots.forEach((place) => Plotly.relayout(place, { width: null, autosize: true })));
})();

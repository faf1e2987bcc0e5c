"use strict";
(() => {
  const box = document.querySelector(".filters");
  if (!box) return;
  const fields = [...box.querySelectorAll("input, select")];
  const cards = [...document.querySelectorAll(".cards > li")];
  const told = box.querySelector("[role=status]");
  const fits = (card, asked) =>
    ["modality", "allows"].every((key) => !asked[key] || card.dataset[key].split(" ").includes(asked[key])) &&
    ["licence", "access"].every((key) => !asked[key] || card.dataset[key] === asked[key]) &&
    asked.words.every((word) => card.textContent.toLowerCase().includes(word));
  const filter = () => {
    const asked = Object.fromEntries(fields.map((one) => [one.name, one.value]));
    asked.words = asked.words.toLowerCase().split(/\s+/).filter(Boolean);
    for (const card of cards) card.hidden = !fits(card, asked);
    const left = cards.filter((card) => !card.hidden).length;
    told.textContent = `${left} of ${cards.length}`;
  };
  const remember = () => {  // in the address, so that it can be sent to somebody
    const asked = new URLSearchParams(fields.map((one) => [one.name, one.value]).filter((one) => one[1]));
    const query = asked.toString();
    try {
      history.replaceState(null, "", `${location.pathname}${query && "?"}${query}${location.hash}`);
    } catch {
      // a browser that lets no file have another address
    }
  };
  const asked = new URLSearchParams(location.search);
  for (const one of fields) {
    const value = asked.get(one.name) || "";
    if (one.type === "search" || [...one.options].some((each) => each.value === value)) one.value = value;
  }
  box.hidden = false;
  box.addEventListener("input", () => {
    filter();
    remember();
  });
  box.querySelector("button").addEventListener("click", () => {
    for (const one of fields) one.value = "";
    filter();
    remember();
  });
  filter();
})();

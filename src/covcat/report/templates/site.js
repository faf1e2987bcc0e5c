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
  box.hidden = false;
  box.addEventListener("input", filter);
  box.querySelector("button").addEventListener("click", () => {
    for (const one of fields) one.value = "";
    filter();
  });
  filter();
})();

// What a person would see as broken: text that is cut off, sticks out or lies on other text. Gives a list of sentences.
(() => {
  const found = [], width = document.documentElement.clientWidth;
  const name = (one) => one.tagName.toLowerCase() + (one.id ? "#" + one.id : "") + " " + JSON.stringify((one.textContent || "").trim().slice(0, 40));
  if (document.documentElement.scrollWidth > width) {
    found.push("the page is " + document.documentElement.scrollWidth + " wide on a screen of " + width);
  }
  const isHidden = (one) => !one.checkVisibility({ visibilityProperty: true }) || one.closest("thead") && getComputedStyle(one.closest("thead")).position === "absolute";
  for (const one of document.querySelectorAll("body *:not(svg *)")) {
    if (isHidden(one)) continue;
    const box = one.getBoundingClientRect();
    if (box.width === 0 || box.height === 0) continue;
    if (box.left < -1 || box.right > width + 1) found.push("sticks out: " + name(one) + " from " + box.left + " to " + box.right);
    const style = getComputedStyle(one);
    const isCut = style.overflowX !== "visible" || style.overflowY !== "visible";
    if (isCut && one.tagName !== "svg" && (one.scrollWidth > one.clientWidth + 1 || one.scrollHeight > one.clientHeight + 1)) found.push("cut off: " + name(one));
    if (one.tagName === "BUTTON" && (box.height < 44 || box.width < 44)) found.push("too small to touch: " + name(one));
  }
  const texts = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode, parent = node.parentElement;
    if (node.textContent.trim() === "" || parent.closest("title, desc, noscript, script") || isHidden(parent)) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    for (const box of range.getClientRects()) {
      if (box.width > 1 && box.height > 1) texts.push([node, box]);
      if (box.right > width + 1 || box.left < -1) found.push("text sticks out: " + JSON.stringify(node.textContent));
    }
  }
  for (let a = 0; a < texts.length; a += 1) {
    for (let b = a + 1; b < texts.length; b += 1) {
      const [one, box] = texts[a], [other, its] = texts[b];
      if (one === other) continue;
      const x = Math.min(box.right, its.right) - Math.max(box.left, its.left);
      const y = Math.min(box.bottom, its.bottom) - Math.max(box.top, its.top);
      // Lines of text are a little higher than their letters.
      if (x > 2 && y > Math.min(box.height, its.height) / 2) {
        found.push("on each other: " + JSON.stringify(one.textContent.trim()) + " and " + JSON.stringify(other.textContent.trim()));
      }
    }
  }
  return found;
})()

// The text of a live sound: settled words are only added, so that a screen reader says each one once; the tail is replaced.
window.w2vkitLiveText = (element, props, watch) => {
  const box = element.querySelector(".live-box"), settled = box.querySelector(".live-settled"), tail = box.querySelector(".live-tail");
  const show = () => {
    const { stable, tail: rest } = props.value ?? { stable: "", tail: "" };
    const shown = settled.textContent;
    if (!stable.startsWith(shown)) settled.textContent = stable;
    else if (stable.length > shown.length) settled.append(stable.slice(shown.length));
    tail.textContent = rest;
    box.classList.toggle("live-empty", !(stable || rest));
    box.scrollTop = box.scrollHeight;
  };
  watch("value", show);
  show();
};

// The status line and the bar of a painting in progress. Screen readers hear a painting's progress at most every 20 seconds.
let spokenAt = 0;
const show = () => {
    const {text = '', fraction = null} = props.value || {};
    const bar = element.querySelector('.bar'), running = fraction !== null;
    element.querySelector('.text').textContent = text;
    bar.hidden = !running;
    bar.classList.toggle('running', running && fraction > 0);
    bar.firstElementChild.style.transform = `scaleX(${running ? fraction : 0})`;
    document.body.classList.toggle('painting', running);
    if (running && Date.now() - spokenAt < 20000) return;
    spokenAt = running ? Date.now() : 0;
    const spoken = element.querySelector('.spoken');
    if (spoken.textContent !== text) spoken.textContent = text;
};
watch('value', show);
show();

const language = navigator.language.slice(0, 2);
const t = english => constants.texts[language]?.[english] ?? english;
const write = () => {  // the texts; the template has none, because it cannot translate them
    const canvas = element.querySelector('canvas'), empty = element.querySelector('.empty');
    canvas?.setAttribute('aria-label', t('Mask: arrow keys move the brush, with Shift they paint, Space paints a dot'));
    if (empty) empty.textContent = t('Choose a photo first.');
    element.querySelector('.size').textContent = t('Brush size');
    element.querySelector('.clear').textContent = t('Clear');
};
let lastPoint = null, keyboardPoint = null;  // last pointer position; position of the brush that the arrow keys move
const pointOf = (event, canvas) => {
    const box = canvas.getBoundingClientRect();
    return [(event.clientX - box.left) * canvas.width / box.width, (event.clientY - box.top) * canvas.height / box.height];
};
const preparedCanvas = () => {  // the canvas, at the size of the photo; empty when the photo has changed
    const image = element.querySelector('.canvas-area img'), canvas = element.querySelector('canvas');
    if (image && canvas && image.naturalWidth && canvas.dataset.photo !== image.src) {
        canvas.width = image.naturalWidth; canvas.height = image.naturalHeight; canvas.dataset.photo = image.src;
        keyboardPoint = null;
    }
    return canvas;
};
const brushSize = canvas => element.querySelector('.tools input').value / 256 * Math.max(canvas.width, canvas.height);
const drawStroke = (from, to, canvas) => {
    const pen = canvas.getContext('2d');
    pen.lineWidth = brushSize(canvas); pen.lineCap = pen.lineJoin = 'round'; pen.strokeStyle = '#ff5a1f';
    pen.beginPath(); pen.moveTo(...from); pen.lineTo(to[0] + .01, to[1]); pen.stroke();
};
const saveMask = canvas => { props.value = canvas.toDataURL('image/png'); };
element.addEventListener('pointerdown', event => {
    const canvas = preparedCanvas();
    if (!canvas || event.target !== canvas) return;
    canvas.setPointerCapture(event.pointerId); lastPoint = pointOf(event, canvas); drawStroke(lastPoint, lastPoint, canvas);
});
element.addEventListener('pointermove', event => {
    if (!event.buttons || !lastPoint || event.target.tagName !== 'CANVAS') return;
    const point = pointOf(event, event.target);
    drawStroke(lastPoint, point, event.target); lastPoint = point;
});
const endStroke = event => {
    if (lastPoint) { lastPoint = null; saveMask(event.target); }
};
element.addEventListener('pointerup', endStroke);
element.addEventListener('pointercancel', endStroke);
element.addEventListener('keydown', event => {
    const directions = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1], ' ': [0, 0]};
    const direction = directions[event.key], canvas = preparedCanvas();
    if (!direction || !canvas || event.target !== canvas) return;
    event.preventDefault();
    const limits = [canvas.width, canvas.height], from = keyboardPoint || limits.map(side => side / 2);
    const step = brushSize(canvas) / 3;
    keyboardPoint = from.map((value, i) => Math.min(limits[i], Math.max(0, value + direction[i] * step)));
    const brush = element.querySelector('.brush');
    brush.hidden = false;
    brush.style.left = 100 * keyboardPoint[0] / limits[0] + '%'; brush.style.top = 100 * keyboardPoint[1] / limits[1] + '%';
    brush.style.width = brush.style.height = brushSize(canvas) * canvas.clientWidth / canvas.width + 'px';
    if (event.shiftKey || event.key === ' ') { drawStroke(from, keyboardPoint, canvas); saveMask(canvas); }
});
element.addEventListener('focusout', () => element.querySelector('.brush')?.setAttribute('hidden', ''));
element.addEventListener('click', event => {
    if (!event.target.classList.contains('clear')) return;
    const canvas = preparedCanvas();
    if (canvas) canvas.getContext('2d').clearRect(0, 0, canvas.width, canvas.height);
    props.value = '';
});
watch('photo', write);
write();

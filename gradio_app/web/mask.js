let last = null, keys = null;  // where the pointer was last; where the brush of the arrow keys is
const place = (event, canvas) => {
    const box = canvas.getBoundingClientRect();
    return [(event.clientX - box.left) * canvas.width / box.width, (event.clientY - box.top) * canvas.height / box.height];
};
const ready = () => {
    const image = element.querySelector('.easel img'), canvas = element.querySelector('canvas');
    if (image && canvas && image.naturalWidth && canvas.dataset.ready !== image.src) {
        canvas.width = image.naturalWidth; canvas.height = image.naturalHeight; canvas.dataset.ready = image.src;
        keys = null;
    }
    return canvas;
};
const breadth = canvas => element.querySelector('.tools input').value / 256 * Math.max(canvas.width, canvas.height);
const stroke = (from, to, canvas) => {
    const pen = canvas.getContext('2d');
    pen.lineWidth = breadth(canvas); pen.lineCap = pen.lineJoin = 'round'; pen.strokeStyle = '#ff5a1f';
    pen.beginPath(); pen.moveTo(...from); pen.lineTo(to[0] + .01, to[1]); pen.stroke();
};
const keep = canvas => { props.value = canvas.toDataURL('image/png'); };
element.addEventListener('pointerdown', event => {
    const canvas = ready();
    if (!canvas || event.target !== canvas) return;
    canvas.setPointerCapture(event.pointerId); last = place(event, canvas); stroke(last, last, canvas);
});
element.addEventListener('pointermove', event => {
    if (!event.buttons || !last || event.target.tagName !== 'CANVAS') return;
    const to = place(event, event.target);
    stroke(last, to, event.target); last = to;
});
const lift = event => {
    if (last) { last = null; keep(event.target); }
};
element.addEventListener('pointerup', lift);
element.addEventListener('pointercancel', lift);
element.addEventListener('keydown', event => {
    const way = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1], ' ': [0, 0]}[event.key];
    const canvas = ready();
    if (!way || !canvas || event.target !== canvas) return;
    event.preventDefault();
    const limits = [canvas.width, canvas.height], from = keys || limits.map(side => side / 2);
    keys = from.map((at, i) => Math.min(limits[i], Math.max(0, at + way[i] * breadth(canvas) / 3)));
    const brush = element.querySelector('.brush');
    brush.hidden = false;
    brush.style.left = 100 * keys[0] / limits[0] + '%'; brush.style.top = 100 * keys[1] / limits[1] + '%';
    brush.style.width = brush.style.height = breadth(canvas) * canvas.clientWidth / canvas.width + 'px';
    if (event.shiftKey || event.key === ' ') { stroke(from, keys, canvas); keep(canvas); }
});
element.addEventListener('focusout', () => element.querySelector('.brush')?.setAttribute('hidden', ''));
element.addEventListener('click', event => {
    if (!event.target.classList.contains('clear')) return;
    const canvas = ready();
    if (canvas) canvas.getContext('2d').clearRect(0, 0, canvas.width, canvas.height);
    props.value = '';
});

// Runs once, when the page has loaded.
() => {
    // Accept pictures dropped on a field that is already filled or anywhere else on the page, and pictures pasted anywhere.
    // Otherwise a browser leaves the page to show a picture that is dropped outside the upload fields.
    const upload = (field, file) => {
        field.querySelector('[aria-label="Clear"]')?.click();
        const setFile = retries => {
            const input = field.querySelector('input[type=file]');
            if (!input) return retries && setTimeout(setFile, 50, retries - 1);
            const files = new DataTransfer();
            files.items.add(file);
            input.files = files.files;
            input.dispatchEvent(new Event('change', {bubbles: true}));
        };
        setFile(40);
    };
    const fieldAt = node => node?.closest?.('#photo, #style, #second') || document.querySelector('#photo');
    document.addEventListener('dragover', event => {
        if (event.dataTransfer?.types.includes('Files')) event.preventDefault();
    });
    document.addEventListener('drop', event => {
        if (event.defaultPrevented || !event.dataTransfer?.files.length) return;
        event.preventDefault();
        upload(fieldAt(event.target), event.dataTransfer.files[0]);
    });
    document.addEventListener('paste', event => {
        const [file] = event.clipboardData?.files || [];
        if (file && !event.defaultPrevented) upload(fieldAt(document.activeElement), file);
    });

    // Announce the status line to screen readers, but at most one step of a painting every 20 seconds.
    const live = document.createElement('div');
    live.id = 'live';
    live.setAttribute('role', 'status');
    document.body.append(live);
    let lastAnnouncement = 0;
    const announce = () => {
        const message = document.querySelector('#status')?.innerText.trim() || '';
        if (message.startsWith('Painting at') && Date.now() - lastAnnouncement < 20000) return;
        lastAnnouncement = Date.now();
        if (live.textContent !== message) live.textContent = message;
    };
    const observeStatus = () => {
        const status = document.querySelector('#status');
        if (!status) return setTimeout(observeStatus, 100);
        new MutationObserver(announce).observe(status, {childList: true, subtree: true, characterData: true});
    };
    observeStatus();

    // Show the faces that were found on the photo while the pointer, or the focus, rests on "Keep faces".
    const outlines = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
    outlines.id = 'outlines';
    document.body.append(outlines);
    const showFaces = () => {
        const image = document.querySelector('#photo img'), data = document.querySelector('#face_outlines [data-faces]');
        const faces = JSON.parse(data?.dataset.faces || '[]');
        if (!image?.naturalWidth || !faces.length) return;
        const box = image.getBoundingClientRect();
        const scale = Math.min(box.width / image.naturalWidth, box.height / image.naturalHeight);
        const [width, height] = [scale * image.naturalWidth, scale * image.naturalHeight];
        Object.assign(outlines.style, {
            left: `${scrollX + box.left + (box.width - width) / 2}px`, top: `${scrollY + box.top + (box.height - height) / 2}px`,
            width: `${width}px`, height: `${height}px`, display: 'block',
        });
        const side = Math.max(width, height);
        outlines.replaceChildren(...faces.map(([x, y, radiusX, radiusY, angle]) => {
            const ellipse = document.createElementNS(outlines.namespaceURI, 'ellipse');
            for (const [name, value] of Object.entries({cx: x * side, cy: y * side, rx: radiusX * side, ry: radiusY * side}))
                ellipse.setAttribute(name, value);
            ellipse.setAttribute('transform', `rotate(${angle * 180 / Math.PI} ${x * side} ${y * side})`);
            return ellipse;
        }));
    };
    const hideFaces = () => { outlines.style.display = 'none'; };
    const isKeepFaces = event => event.target.closest?.('#keep_faces');
    for (const name of ['pointerover', 'focusin']) document.addEventListener(name, event => isKeepFaces(event) && showFaces());
    for (const name of ['pointerout', 'focusout']) document.addEventListener(name, event => isKeepFaces(event) && hideFaces());
}

// Runs once, when the page has loaded.
() => {
    // Accept pictures dropped on a field that is already filled or anywhere else on the page, and pictures pasted anywhere.
    // Otherwise a browser leaves the page to show a picture that is dropped outside the upload fields.
    const put = (input, file) => {
        if (!input) return;
        const files = new DataTransfer();
        files.items.add(file);
        input.files = files.files;
        input.dispatchEvent(new Event('change', {bubbles: true}));
    };
    const inputOf = field => field.querySelector('input[type=file]');
    const fieldAt = node => node?.closest?.('#photo, #style, #second') || document.querySelector('#photo');
    document.addEventListener('dragover', event => {
        if (event.dataTransfer?.types.includes('Files')) event.preventDefault();
    });
    document.addEventListener('drop', event => {
        const [first, second] = event.dataTransfer?.files || [];
        if (event.defaultPrevented || !first) return;
        event.preventDefault();
        const field = fieldAt(event.target);
        put(inputOf(field), first);
        if (second) put(inputOf(document.querySelector(field.id === 'style' ? '#photo' : '#style')), second);
    });
    document.addEventListener('paste', event => {
        const [file] = event.clipboardData?.files || [];
        if (file && !event.defaultPrevented) put(inputOf(fieldAt(document.activeElement)), file);
    });

    // Shrink large photos before they are sent: nothing larger is painted, and phones have slow connections.
    const longest = MAX_SIDE, shrunk = new WeakSet();
    const shrink = async file => {
        const bitmap = await createImageBitmap(file);
        const scale = Math.min(1, longest / Math.max(bitmap.width, bitmap.height));
        if (scale === 1 && file.size < 4e6) return file;
        const canvas = document.createElement('canvas');
        canvas.width = Math.round(scale * bitmap.width);
        canvas.height = Math.round(scale * bitmap.height);
        canvas.getContext('2d').drawImage(bitmap, 0, 0, canvas.width, canvas.height);
        const blob = await new Promise(resolve => { canvas.toBlob(resolve, 'image/jpeg', .93); });
        return blob && blob.size < file.size ? new File([blob], file.name.replace(/\.\w+$/, '') + '.jpg', {type: blob.type}) : file;
    };
    document.addEventListener('change', event => {
        const input = event.target, [file] = input.files || [];
        if (!file || shrunk.has(file) || !input.closest('#photo, #style, #second')) return;
        if (file.type !== 'image/jpeg' || file.size < 1e6) return;  // others may be transparent, or have more than 8 bits
        event.stopImmediatePropagation();
        shrink(file).catch(() => file).then(small => { shrunk.add(small); put(input, small); });
    }, true);

    // While several paintings are picked, "Paint it" paints those.
    document.addEventListener('click', event => {
        const paint = document.querySelector('#gallery .paint');
        if (!event.target.closest('#go') || !paint?.offsetParent || paint.disabled) return;
        event.stopImmediatePropagation();
        paint.click();
    }, true);

    // Gradio's footer names its pictures as the texts beside them: screen readers would say them twice.
    const silence = retries => {
        const pictures = document.querySelectorAll('footer img');
        for (const picture of pictures) picture.alt = '';
        if (!pictures.length && retries) setTimeout(silence, 100, retries - 1);
    };
    silence(100);

    // Ask before a painting in progress is lost.
    addEventListener('beforeunload', event => {
        if (document.body.classList.contains('painting')) event.preventDefault();
    });

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

// Runs once, when the page has loaded.
() => {
    // Pictures dropped on one that is already there, or beside the fields, and pictures pasted anywhere. Without this a
    // browser leaves the page to show a picture that was dropped beside the fields.
    const give = (field, file) => {
        field.querySelector('[aria-label="Clear"]')?.click();
        const put = tries => {
            const input = field.querySelector('input[type=file]');
            if (!input) return tries && setTimeout(put, 50, tries - 1);
            const files = new DataTransfer();
            files.items.add(file);
            input.files = files.files;
            input.dispatchEvent(new Event('change', {bubbles: true}));
        };
        put(40);
    };
    const fieldAt = place => place?.closest?.('#photo, #style, #second') || document.querySelector('#photo');
    document.addEventListener('dragover', event => {
        if (event.dataTransfer?.types.includes('Files')) event.preventDefault();
    });
    document.addEventListener('drop', event => {
        if (event.defaultPrevented || !event.dataTransfer?.files.length) return;
        event.preventDefault();
        give(fieldAt(event.target), event.dataTransfer.files[0]);
    });
    document.addEventListener('paste', event => {
        const [file] = event.clipboardData?.files || [];
        if (file && !event.defaultPrevented) give(fieldAt(document.activeElement), file);
    });

    // What the status line says is read aloud, but not every step of a painting.
    const live = document.createElement('div');
    live.id = 'live';
    live.setAttribute('role', 'status');
    document.body.append(live);
    let told = 0;
    const tell = () => {
        const line = document.querySelector('#status')?.innerText.trim() || '';
        if (line.startsWith('Painting at') && Date.now() - told < 20000) return;
        told = Date.now();
        if (live.textContent !== line) live.textContent = line;
    };
    const watch = () => {
        const status = document.querySelector('#status');
        if (!status) return setTimeout(watch, 100);
        new MutationObserver(tell).observe(status, {childList: true, subtree: true, characterData: true});
    };
    watch();
}

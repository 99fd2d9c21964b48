const RESTING_POSITION = 5;  // of the line, in percent from the left: the painting is what one sees
const STEPS = {ArrowLeft: -2, ArrowDown: -2, ArrowRight: 2, ArrowUp: 2, PageDown: -10, PageUp: 10, Home: -100, End: 100};
const language = navigator.language.slice(0, 2);
const t = english => props.texts[language]?.[english] ?? english;
const [viewer, frame, handle, message, holdButton, fullScreenButton, shareButton] =
    ['viewer', 'frame', 'handle', 'message', 'hold', 'full-screen', 'share'].map(name => element.querySelector('.' + name));

// The line
let position = RESTING_POSITION;
const moveLine = percent => {
    position = Math.min(100, Math.max(0, percent));
    frame.style.setProperty('--position', position);
    handle.setAttribute('aria-valuenow', Math.round(position));
    handle.setAttribute('aria-valuetext', t('{percent} % photo').replace('{percent}', Math.round(position)));
};
handle.addEventListener('keydown', event => {
    if (!(event.key in STEPS) || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    moveLine(position + STEPS[event.key]);
});
let positionBefore = null;  // the line's position when the drag began; null while nothing is dragged
const followPointer = event => {
    const box = frame.getBoundingClientRect();
    moveLine(100 * (event.clientX - box.left) / box.width);
};
frame.addEventListener('pointerdown', event => {
    if (event.button || !event.isPrimary || !viewer.classList.contains('filled')) return;
    frame.setPointerCapture(event.pointerId);
    frame.classList.add('dragging');
    positionBefore = position;
    if (event.pointerType !== 'touch') followPointer(event);  // a finger may be about to scroll the page
});
frame.addEventListener('pointermove', event => positionBefore !== null && followPointer(event));
frame.addEventListener('pointerup', event => {
    if (positionBefore === null) return;
    followPointer(event);
    handle.focus({preventScroll: true});  // for the arrow keys
});
frame.addEventListener('pointercancel', () => positionBefore !== null && moveLine(positionBefore));  // the finger scrolls
frame.addEventListener('lostpointercapture', () => {
    positionBefore = null;
    frame.classList.remove('dragging');
});

// The pictures
let shown = null;  // the value whose pictures are in the frame
let loading = null;  // the value whose pictures are being loaded
let next = null;  // the newest preview that arrived meanwhile: on a slow connection those in between are left out
let isNewPainting = true;  // since the last pictures that were shown
const reserveSpace = value => viewer.style.setProperty('--ratio', value.width / value.height);
const loadPicture = async (name, address) => {
    const current = element.querySelector('.' + name);
    if (current.getAttribute('src') === address) return current;
    const image = new Image();
    image.className = current.className;
    image.draggable = false;
    image.src = address;
    await image.decode();
    return image;
};
const showPictures = (value, photo, painting) => {
    for (const [name, image, alt] of [['photo', photo, t('Photo: {title}')], ['painting', painting, t('Painting: {title}')]]) {
        image.alt = alt.replace('{title}', () => value.title).replace(/\s*:\s*$/, '');  // no colon without a title
        const current = element.querySelector('.' + name);
        if (current !== image) current.replaceWith(image);
    }
    reserveSpace(value);
    if (isNewPainting) moveLine(RESTING_POSITION);
    isNewPainting = false;
    message.textContent = '';
    viewer.classList.add('filled');
    viewer.classList.toggle('single', value.photo === value.painting);  // nothing to compare
    shown = value;
};
const showNothing = () => {
    viewer.classList.remove('filled');
    for (const image of element.querySelectorAll('.picture')) {
        image.removeAttribute('src');
        image.alt = '';
    }
    shown = loading = next = null;
    isNewPainting = true;
    leaveFullScreen();
};
const show = async value => {
    if (!value?.painting) return showNothing();
    if (value.keepLine && loading) return void (next = value);
    loading = value;
    next = null;
    isNewPainting ||= !value.keepLine;
    if (!shown) reserveSpace(value);
    const pictures = ['photo', 'painting'].map(name => loadPicture(name, value[name]));
    const results = await Promise.allSettled(pictures);
    if (loading !== value) return;  // another painting has taken its place
    loading = null;
    if (results.every(result => result.status === 'fulfilled')) showPictures(value, ...results.map(result => result.value));
    if (next) show(next);
};

// Hold to see the photo
const showPhoto = held => {
    viewer.classList.toggle('held', held);
    holdButton.setAttribute('aria-pressed', held);
};
const onHoldKey = held => event => {
    if (event.key !== ' ' && event.key !== 'Enter') return;
    event.preventDefault();
    showPhoto(held);
};
holdButton.addEventListener('pointerdown', event => {
    if (event.button) return;
    holdButton.setPointerCapture(event.pointerId);
    showPhoto(true);
});
holdButton.addEventListener('lostpointercapture', () => showPhoto(false));
holdButton.addEventListener('keydown', onHoldKey(true));
holdButton.addEventListener('keyup', onHoldKey(false));
holdButton.addEventListener('blur', () => showPhoto(false));
holdButton.addEventListener('contextmenu', event => event.preventDefault());  // what a long press opens on phones
holdButton.addEventListener('click', event => {  // neither a pointer nor a key, but voice control or a switch: on and off
    if (event.detail === 0) showPhoto(!viewer.classList.contains('held'));
});

// Full screen
const setFullScreen = full => {
    viewer.classList.toggle('full', full);
    fullScreenButton.ariaLabel = fullScreenButton.title = t(full ? 'Leave full screen' : 'Full screen');
};
const leaveFullScreen = () => {
    if (document.fullscreenElement === viewer) document.exitFullscreen();
    else viewer.closest('dialog')?.close();
};
const openOverlay = () => {  // where the browser has no full screen: a modal dialog over the page
    const dialog = document.createElement('dialog');
    dialog.className = 'overlay';
    dialog.ariaLabel = t('Full screen');
    element.style.minHeight = `${element.offsetHeight}px`;  // the page keeps its height
    dialog.append(viewer);
    element.append(dialog);
    dialog.addEventListener('close', () => {
        element.append(viewer);
        element.style.minHeight = '';
        dialog.remove();
        setFullScreen(false);
        fullScreenButton.focus();
    });
    setFullScreen(true);
    dialog.showModal();
    fullScreenButton.focus();
};
fullScreenButton.addEventListener('click', () => {
    if (viewer.classList.contains('full')) leaveFullScreen();
    else if (document.fullscreenEnabled) viewer.requestFullscreen().catch(openOverlay);
    else openOverlay();
});
viewer.addEventListener('fullscreenchange', () => setFullScreen(document.fullscreenElement === viewer));

// Share
if (!navigator.canShare?.({files: [new File([''], 'painting.png', {type: 'image/png'})]})) shareButton.remove();
shareButton.addEventListener('click', async () => {
    const {painting, fileName} = shown;
    try {
        const response = await fetch(painting);
        if (!response.ok) throw new Error(response.statusText);
        const picture = await response.blob();
        const name = fileName || decodeURIComponent(painting.split('/').pop());
        await navigator.share({files: [new File([picture], name, {type: picture.type})]});
    } catch (error) {
        if (error.name !== 'AbortError') message.textContent = t('It could not be shared. Download it instead.');
    }
});

handle.ariaLabel = t('Line between the photo and the painting');
element.querySelector('.empty').textContent = t('Your painting appears here.');
holdButton.querySelector('span').textContent = t('Hold to see the photo');
shareButton.ariaLabel = shareButton.title = t('Share');
setFullScreen(false);
moveLine(RESTING_POSITION);
watch('value', () => show(props.value));
show(props.value);

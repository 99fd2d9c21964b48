const language = navigator.language.slice(0, 2);
const translate = english => {
    const translations = {...props.texts[language], ...constants.texts[language]};
    return Object.hasOwn(translations, english) ? translations[english] : english;
};
const make = (tag, properties, ...children) => {
    const node = Object.assign(document.createElement(tag), properties);
    node.append(...children);
    return node;
};
const find = selector => element.querySelector(selector);
const grid = find('.pictures'), toggle = find('.several'), paint = find('.paint'), status = find('.order p');
const reducedMotion = matchMedia('(prefers-reduced-motion: reduce)');
const FADE_MILLISECONDS = 400;

let state = {chosen: -1, previews: {}, picked: [], ...props.value};
let picking = false;
const save = () => { props.value = {...state}; };

// Pictures. The template never changes, so that a new value leaves the buttons, the focus and the scroll position as they are.
let tiles = [], filters = [], tileCount = 0;
const makeTile = picture => {
    const id = `${element.id}-${tileCount++}`;
    const image = make('img', {id: `${id}-image`, alt: translate(picture.description), width: 256, height: 192});
    Object.assign(image, {loading: 'lazy', decoding: 'async', draggable: false});
    const layers = make('span', {className: 'layers'}, image);
    const mark = make('span', {id: `${id}-mark`, className: 'mark'});
    const frame = make('span', {className: 'frame'}, layers, mark);
    if (picture.badge) mark.before(make('span', {id: `${id}-badge`, className: 'badge'}, translate(picture.badge)));
    const title = make('span', {id: `${id}-title`, className: 'title'}, translate(picture.title));
    const button = make('button', {type: 'button', className: 'tile', tabIndex: -1}, frame, title);
    button.setAttribute('aria-labelledby', title.id);
    button.setAttribute('aria-describedby', ['mark', 'badge', 'image'].map(part => `${id}-${part}`).join(' '));
    const tile = {index: 0, picture, button, image, layers, mark, preview: '', isNear: false};
    button.addEventListener('focus', () => setCurrent(tile));
    button.addEventListener('click', () => (picking ? pick : choose)(tile.index));
    observer.observe(button);
    return tile;
};

const fade = (layer, from, to, end) => {
    layer.style.opacity = to;
    layer.animate({opacity: [from, to]}, reducedMotion.matches ? 0 : FADE_MILLISECONDS).finished.then(end);
};
const showPreview = (tile, address) => {
    if (!tile.isNear || tile.preview === address) return;
    tile.preview = address;
    const previews = [...tile.layers.children].slice(1);
    if (!address) {
        previews.forEach(layer => fade(layer, 1, 0, () => layer.remove()));
        return;
    }
    const layer = make('img', {alt: '', decoding: 'async', draggable: false});
    layer.style.opacity = 0;
    layer.onload = () => {
        if (tile.preview === address) fade(layer, 0, 1, () => previews.forEach(earlier => earlier.remove()));
        else layer.remove();
    };
    layer.onerror = () => layer.remove();
    layer.src = address;
    tile.layers.append(layer);
};
// The browser's own lazy loading counts pictures as near that are far away in a grid or strip that scrolls.
const observer = new IntersectionObserver(entries => {
    for (const {isIntersecting, target} of entries) {
        if (!isIntersecting) continue;
        observer.unobserve(target);
        const tile = tiles.find(({button}) => button === target);
        tile.isNear = true;
        tile.image.src = tile.picture.address;
        showPreview(tile, state.previews[tile.index] ?? '');
    }
}, {root: grid, rootMargin: '30%'});

const show = () => {
    for (const tile of tiles) {
        const place = state.picked.indexOf(tile.index), isPicked = place >= 0;
        tile.button.setAttribute('aria-pressed', picking ? isPicked : tile.index === state.chosen);
        tile.mark.textContent = picking && isPicked ? place + 1 : '';
        showPreview(tile, state.previews[tile.index] ?? '');
    }
    const picked = state.picked.length;
    toggle.setAttribute('aria-pressed', picking);
    paint.hidden = !picking;
    paint.disabled = picked < 2;
    const english = ['Paint these', 'Paint this one'][picked] ?? 'Paint these {count}';
    paint.textContent = translate(english).replace('{count}', picked);
    const hint = picked ? '{picked} of {count} picked' : 'Pick 2 to {count}';
    say(picking ? hint : '');
};
const say = english => {
    status.textContent = translate(english).replace('{picked}', state.picked.length).replace('{count}', constants.several);
};
/** Scroll the wall, but not the page, to a picture. */
const reveal = ({button}) => {
    const box = button.getBoundingClientRect(), view = grid.getBoundingClientRect();
    const shift = (start, end) => Math.min(0, box[start] - view[start]) || Math.max(0, box[end] - view[end]);
    grid.scrollBy({top: shift('top', 'bottom'), left: shift('left', 'right'), behavior: 'instant'});
};

// Choosing and picking
const choose = index => {
    state.chosen = index;
    save();
    show();
    trigger('select', {index, value: props.pictures[index].title});
};
const pick = index => {
    const isPicked = state.picked.includes(index);
    if (!isPicked && state.picked.length === constants.several) return say('At most {count}');
    state.picked = isPicked ? state.picked.filter(other => other !== index) : [...state.picked, index];
    save();
    show();
};
const setPicking = on => {
    if (!on && paint === document.activeElement) toggle.focus();
    picking = on;
    state.picked = [];
    save();
    show();
};
toggle.addEventListener('click', () => setPicking(!picking));
paint.addEventListener('click', () => trigger('submit', {indices: [...state.picked]}));
element.addEventListener('keydown', event => {
    if (event.key !== 'Escape' || !picking) return;
    event.stopPropagation();
    setPicking(false);
});

// The keyboard: one picture at a time can be reached by Tab, the others from there.
let current;
const setCurrent = tile => {
    if (current) current.button.tabIndex = -1;
    current = tile;
    if (current) current.button.tabIndex = 0;
};
const visibleTiles = () => tiles.filter(({button}) => !button.hidden);
grid.addEventListener('keydown', event => {
    if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const visible = visibleTiles(), place = visible.indexOf(current), last = visible.length - 1;
    const columns = visible.filter(({button}) => button.offsetTop === visible[0].button.offsetTop).length;
    const below = place < last - last % columns ? Math.min(place + columns, last) : place;
    const above = place < columns ? place : place - columns;
    const keys = {ArrowLeft: place - 1, ArrowRight: place + 1, ArrowUp: above, ArrowDown: below, Home: 0, End: last};
    const isVertical = event.key === 'ArrowUp' || event.key === 'ArrowDown';
    if (!Object.hasOwn(keys, event.key) || isVertical && columns > last) return;
    event.preventDefault();
    const target = visible[keys[event.key]];
    if (!target) return;
    target.button.focus({preventScroll: true});
    target.button.scrollIntoView({block: 'nearest', inline: 'nearest'});
});

const showKind = kind => {
    for (const filter of filters) filter.button.setAttribute('aria-pressed', filter.kind === kind);
    for (const {picture, button} of tiles) button.hidden = kind !== '' && picture.kind !== kind;
    grid.scrollTo({top: 0, left: 0, behavior: 'instant'});
    if (!visibleTiles().includes(current)) setCurrent(visibleTiles()[0]);
};
const makeFilter = kind => {
    const button = make('button', {type: 'button'}, translate(kind || 'All'));
    button.addEventListener('click', () => showKind(kind));
    return {kind, button};
};
const showPictures = () => {
    const hasFocus = grid.contains(document.activeElement);
    const earlier = new Map(tiles.map(tile => [JSON.stringify(tile.picture), tile]));
    tiles = props.pictures.map((picture, index) => {
        const key = JSON.stringify(picture), tile = earlier.get(key) ?? makeTile(picture);
        earlier.delete(key);
        return Object.assign(tile, {index});
    });
    for (const {button} of earlier.values()) observer.unobserve(button);
    grid.replaceChildren(...tiles.map(({button}) => button));
    const kinds = [...new Set(props.pictures.map(({kind}) => kind).filter(Boolean))];
    filters = (kinds.length < 2 ? [] : ['', ...kinds]).map(makeFilter);
    find('.kinds').replaceChildren(...filters.map(({button}) => button));
    find('.bar').hidden = !filters.length && !constants.several;
    if (!tiles.includes(current)) setCurrent(tiles[Math.max(0, state.chosen)]);
    showKind('');
    if (hasFocus) current?.button.focus({preventScroll: true});
    show();
};

find('.wall').setAttribute('aria-label', translate(constants.name));
toggle.textContent = translate('Pick several');
toggle.hidden = !constants.several;
showPictures();
requestAnimationFrame(() => tiles[state.chosen] && reveal(tiles[state.chosen]));

watch('pictures', showPictures);
watch('value', () => {
    const before = state;
    state = {...state, ...props.value};
    if (state.picked.length) picking = true;
    else if (before.picked.length) picking = false;
    save();
    show();
    const chosen = tiles[state.chosen];
    if (!chosen || chosen.button.hidden || state.chosen === before.chosen) return;
    reveal(chosen);
    if (!grid.contains(document.activeElement)) setCurrent(chosen);
});

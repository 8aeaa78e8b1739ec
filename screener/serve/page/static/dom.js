/** Making elements. Text only ever goes in as text: nothing here reads HTML. */

const SVG = "http://www.w3.org/2000/svg";

/**
 * An element with its classes, attributes and children: `el("a.name.new", {href: "#/"}, "Scans")`.
 * Attributes that are functions listen to the event so named; those that are false, null or undefined are left out.
 */
export function el(kind, attributes = {}, ...children) {
  return filled(document.createElement(kind.split(".")[0]), kind, attributes, children);
}

/** The same for a drawing. */
export function drawn(kind, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, kind.split(".")[0]), kind, attributes, children);
}

function filled(element, kind, attributes, children) {
  const classes = kind.split(".").slice(1);
  if (classes.length) element.classList.add(...classes);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Sets text where it changed, so that a screen reader is not told the same again. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Puts children in their order without moving those that stand right already: a moved element loses the focus. */
export function arrange(parent, children) {
  const wanted = new Set(children);
  for (const child of [...parent.children]) if (!wanted.has(child)) child.remove();
  children.forEach((child, at) => {
    if (parent.children[at] !== child) parent.insertBefore(child, parent.children[at] ?? null);
  });
}

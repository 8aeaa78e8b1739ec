/**
 * The parts of a report page, to be shown in this one: its words and drawings are the report's own, written in one place.
 * A report is made of escaped text and runs no script; parsed here, it stays inert, and the page's policy forbids inline scripts besides.
 */

/** headline and standfirst, the section `When` (null where there is no timeline), and the sections besides. */
export function partsOf(report) {
  // The style sheet is this page's already, and the policy would refuse it inside the text.
  const page = new DOMParser().parseFromString(report.replace(/<style>[^<]*<\/style>/, ""), "text/html");
  const sections = [...page.querySelectorAll("main > section")].map((section) => document.adoptNode(section));
  const when = sections.find((section) => section.querySelector(".lane")) ?? null;
  return {
    headline: [...page.querySelector("h1").childNodes].map((node) => document.adoptNode(node)),
    standfirst: adopted(page.querySelector(".standfirst")),
    when,
    rest: sections.filter((section) => section !== when && !isWithoutTimeline(section)),
  };
}

const adopted = (element) => element && document.adoptNode(element);

/** The section that says only why there is no timeline: here, the player stands in its place. */
function isWithoutTimeline(section) {
  return section.querySelector("h2")?.textContent === "When" && !section.querySelector(".lane");
}

/** Grammars for image references and pip requirements. Text that does not match never reaches an engine or pip. */

const DOMAIN = String.raw`(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*|\[[a-f0-9:]+\])(?::\d{1,5})?`;
const PATH = String.raw`[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*`;
/** https://github.com/distribution/reference: [domain/]path[:tag][@digest] */
const IMAGE = new RegExp(
  String.raw`^(?:${DOMAIN}/)?${PATH}(?:/${PATH})*(?::\w[\w.-]{0,127})?(?:@sha256:[a-f0-9]{64})?$`,
  'i',
);

/** Whether a text is an image reference, such as `python:3.13-slim`, or an image id. */
export function isImageReference(text: string): boolean {
  if (text.length > 255) {
    return false;
  }
  if (/^(?:sha256:)?[a-f0-9]{64}$/.test(text)) {
    return true;
  }
  const name = text
    .replace(/@.*$/, '')
    .replace(/:[^/:]*$/, '')
    .replace(/^[^/]*[.:][^/]*\//, '');
  return IMAGE.test(text) && name === name.toLowerCase();
}

const NAME = String.raw`[A-Za-z0-9](?:[A-Za-z0-9._-]{0,100}[A-Za-z0-9])?`;
const VERSION = String.raw`\s*(?:===?|~=|!=|<=?|>=?)\s*[A-Za-z0-9][A-Za-z0-9.*+!_-]{0,60}\s*`;
/** A subset of PEP 508: a name with optional extras and versions, without `@ url`, markers, options or paths. */
const REQUIREMENT = new RegExp(
  String.raw`^${NAME}\s*(?:\[\s*${NAME}(?:\s*,\s*${NAME}){0,20}\s*\])?(?:${VERSION}(?:,${VERSION}){0,10})?$`,
);

export const isRequirement = (text: string): boolean => text.length <= 256 && REQUIREMENT.test(text);

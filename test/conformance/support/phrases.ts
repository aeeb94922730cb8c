/** What "everything that a notebook prints and asks" consists of; every cell of the corpus is tagged with what it shows. */
export const PHRASES: Readonly<Record<string, readonly string[]>> = {
  displays: [
    'display', 'display_id', 'update_display', 'ended-cell', 'clear_output', 'clear_output-wait', 'html', 'markdown', 'latex', 'math', 'svg', 'image-bytes', 'image-file', 'image-url', 'json', 'javascript',
    'audio', 'video', 'iframe', 'filelink', 'code', 'pretty', 'progressbar', 'repr', 'mimebundle', 'pandas', 'styler', 'sympy', 'plotly', 'altair', 'bokeh',
    'matplotlib', 'figure_formats', 'several-figures', 'figures-in-loops',
  ],
  streams: [
    'interleaving', 'flush', 'carriage-return', 'backspace', 'cursor-up', 'tqdm', 'nested-bars', 'ansi', 'partial-utf8', 'surrogates', 'nul', 'c-level', 'child-process', 'fork',
    'multiprocessing', 'late-threads', 'late-tasks', 'logging', 'warnings', 'long',
  ],
  asking: ['input', 'getpass', 'prompt', 'debug', 'breakpoint', 'stdin', 'child-stdin'],
  errors: ['syntax', 'chained', 'grouped', 'magics', 'display-hooks', 'system-exit', 'exit', 'interrupt', 'recursion', 'user-files', 'raises-exception', 'goes-on'],
  magics: ['time', 'timeit', 'capture', 'bash', 'writefile', 'run', 'load', 'help', 'who', 'history', 'config', 'autoreload', 'env', 'cd', 'in-out', 'reset', 'cache', 'historySize'],
  async: ['await', 'tasks', 'own-loop'],
  metadata: ['execution-count', 'output-types', 'output-metadata', 'transient'],
  libraries: ['rich', 'tqdm.auto', 'plotly', 'altair', 'pandas', 'matplotlib', 'ipywidgets', 'ipython'],
  language: ['completion', 'hover', 'signature'],
  comms: ['comm_open', 'comm_msg', 'comm_close', 'from-host', 'buffers', 'targets', 'unknown', 'ipywidgets', 'output-widgets', 'tqdm.notebook'],
};
export const TAGS: ReadonlySet<string> = new Set(Object.entries(PHRASES).flatMap(([bullet, phrases]) => phrases.map((phrase) => `${bullet}/${phrase}`)));

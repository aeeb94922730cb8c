import assert from 'node:assert/strict';
import { diagnosticsText } from '../../src/commands/diagnostics-text';
import { keepSecret } from '../../src/engine/redact';

const LINK = '[Sign in](command:workbench.action.terminal.new)';
const PICTURE = '![seen](https://picture.invalid/seen.png)';

describe('the diagnostics page', () => {
  it('puts text from elsewhere only into code blocks, which backticks or line breaks in a name cannot end', () => {
    keepSecret('planted-secret');
    const page = diagnosticsText({
      window: { Platform: 'linux x64' },
      engine: { problem: `no answer: ${LINK} ${PICTURE} http://ada:planted-secret@proxy.example` },
      image: { value: { reference: `python ${LINK}`, base: null, derived: null } },
      sandboxes: [{ notebook: `\n\`\`\`\n${LINK}\n~~~\n\`\`\`\`\`.ipynb`, state: 'ready' }],
      settings: [
        {
          name: 'sandboxedIPython.image',
          value: JSON.stringify(`<img src="https://picture.invalid/seen.png"> ${PICTURE}`),
        },
      ],
      environment: ['HTTPS_PROXY', 'EDITOR'],
    });
    let fence: string | undefined;
    const outside: string[] = [];
    for (const line of page.split('\n')) {
      const found = /^ {0,3}(`{3,}|~{3,})/.exec(line)?.[1];
      if (fence === undefined && found === undefined) {
        outside.push(line);
      }
      if (fence === undefined) {
        fence = found;
      } else if (found?.startsWith(fence) === true) {
        fence = undefined;
      }
    }
    assert.equal(fence, undefined, 'a block is open');
    assert.match(outside.join('\n'), /^[\w\s#:()]+$/);
    for (const told of [LINK, PICTURE, '- Platform: linux x64', '- HTTPS_PROXY']) {
      assert.ok(page.includes(told), told);
    }
    assert.doesNotMatch(page, /planted-secret|EDITOR/);
  });
});

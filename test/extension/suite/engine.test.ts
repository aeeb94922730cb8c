import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import * as vscode from 'vscode';
import { OpenNotebook, engineSocket, useTestBase } from './support';

describe('an engine that is not available', () => {
  let notebook: OpenNotebook;
  before(useTestBase);
  afterEach(async () => {
    engineSocket.restore();
    await notebook.close();
  });

  it('is reported in the first cell of the run, with the next step, and the same cells run once it is started', async () => {
    engineSocket.remove();
    notebook = await OpenNotebook.of('"ran"', '"second"');
    await notebook.runAll();
    assert.match(notebook.text(0), /^EngineNotFound: DOCKER_HOST is unix:.*No engine answers there/);
    assert.equal(notebook.text(1), '');
    assert.deepEqual([notebook.success(0), notebook.success(1)], [false, false]);
    engineSocket.restore();
    await notebook.runAll();
    assert.deepEqual([notebook.text(0), notebook.text(1)], ["'ran'", "'second'"]);
  });

  it("is reported with the name of its product if that product's context is the current one", async () => {
    const home = mkdtempSync(path.join(os.tmpdir(), 'home-'));
    const meta = path.join(home, '.docker/contexts/meta', createHash('sha256').update('desktop-linux').digest('hex'));
    mkdirSync(meta, { recursive: true });
    writeFileSync(path.join(home, '.docker/config.json'), '{"currentContext":"desktop-linux"}');
    writeFileSync(
      path.join(meta, 'meta.json'),
      JSON.stringify({
        Name: 'desktop-linux',
        Endpoints: { docker: { Host: `unix://${home}/.docker/run/docker.sock` } },
      }),
    );
    engineSocket.remove();
    notebook = await OpenNotebook.of('"ran"');
    await notebook.run(0); // makes the extension forget the known engine
    const before = { HOME: process.env['HOME'], DOCKER_HOST: process.env['DOCKER_HOST'] };
    process.env['HOME'] = home;
    delete process.env['DOCKER_HOST'];
    try {
      await notebook.run(0);
    } finally {
      Object.assign(process.env, before);
      rmSync(home, { recursive: true });
    }
    assert.match(
      notebook.text(0),
      /^EngineNotFound: Docker Desktop is not running: [^]*Start it, then run the cell again\./,
    );
    engineSocket.restore();
    await notebook.run(0);
    assert.equal(notebook.text(0), "'ran'");
  });

  it('does not disturb a running sandbox', async () => {
    notebook = await OpenNotebook.of('x = 1', 'x + 1');
    await notebook.run(0);
    engineSocket.remove();
    await notebook.run(1);
    assert.equal(notebook.text(1), '2');
  });

  it('is reported within its deadline if it accepts connections but never answers, and an interrupt ends the wait', async function () {
    this.timeout(90_000);
    engineSocket.remove();
    const mute = net.createServer();
    await new Promise<void>((resolve) => {
      mute.listen(engineSocket.path, resolve);
    });
    try {
      notebook = await OpenNotebook.of('1');
      notebook.start();
      await new Promise((resolve) => {
        setTimeout(resolve, 500);
      });
      await vscode.commands.executeCommand('sandboxedIPython.interruptKernel');
      await notebook.ended(0);
      assert.deepEqual([notebook.success(0), notebook.text(0)], [false, '']);
      await notebook.run(0);
      assert.match(notebook.text(0), /^EngineSilent: The container engine .* does not answer\. .*Restart it/);
    } finally {
      mute.close();
    }
    engineSocket.restore();
    await notebook.run(0);
    assert.equal(notebook.text(0), '1');
  });

  it('is reported with how to get access if the user may not use it, and the same cell runs after that', async function () {
    const root = process.getuid?.() === 0;
    if (!root) {
      // Only root can take away its own access to a socket and give it back.
      this.skip();
    }
    notebook = await OpenNotebook.of('"ran"');
    process.seteuid?.(65534);
    try {
      await notebook.run(0);
    } finally {
      process.seteuid?.(0);
    }
    assert.match(notebook.text(0), /^EngineDenied: .*docker\.sock.*usermod -aG docker/);
    await notebook.run(0);
    assert.equal(notebook.text(0), "'ran'");
  });

  it('is reported with the required version if it is too old, and the same cell runs once it is updated', async () => {
    engineSocket.remove();
    notebook = await OpenNotebook.of('"ran"');
    await notebook.run(0); // makes the extension forget the known engine
    assert.match(notebook.text(0), /^EngineNotFound/);
    const old = http.createServer((_request, response) => {
      response
        .setHeader('Content-Type', 'application/json')
        .end('{"ApiVersion":"1.38","Version":"18.06.3-ce","Platform":{"Name":"Docker Engine - Community"}}');
    });
    await new Promise<void>((resolve) => {
      old.listen(engineSocket.path, resolve);
    });
    try {
      await notebook.run(0);
      assert.match(notebook.text(0), /^EngineTooOld: .*18\.06\.3-ce.*1\.40.*Update Docker to 19\.03 or later/);
    } finally {
      old.close();
    }
    engineSocket.restore();
    await notebook.run(0);
    assert.equal(notebook.text(0), "'ran'");
  });
});

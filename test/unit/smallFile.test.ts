import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { machineCertificates, settingsCertificates } from '../../src/engine/image/certificates';
import { readSmallFile } from '../../src/engine/small-file';
import { isSandboxError } from '../../src/protocol/errors';

const PEM = '-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n';

describe('a file that a setting or the environment names', () => {
  let folder: string;
  let pipe: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'named-'));
    pipe = join(folder, 'pipe');
    execFileSync('mkfifo', [pipe]);
  });
  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  it('is not waited for if it is a pipe without a writer', async () => {
    await assert.rejects(readSmallFile(pipe), /no file/);
    await assert.rejects(settingsCertificates(pipe), (error) => isSandboxError(error, 'SettingInvalid'));
    const bundle = join(folder, 'bundle.pem');
    writeFileSync(bundle, PEM);
    assert.equal(await machineCertificates({ PIP_CERT: pipe, SSL_CERT_FILE: bundle }), PEM);
  });

  it('may be absent, and has a maximum size', async () => {
    assert.equal(await readSmallFile(join(folder, 'none')), undefined);
    writeFileSync(join(folder, 'large'), 'x'.repeat(2_000_000));
    await assert.rejects(readSmallFile(join(folder, 'large')), /more than 1048576 bytes/);
    await assert.rejects(settingsCertificates(join(folder, 'none')), (error) =>
      isSandboxError(error, 'SettingInvalid'),
    );
    writeFileSync(join(folder, 'bundle'), PEM + ' '.repeat(2_000_000));
    assert.match(await settingsCertificates(join(folder, 'bundle')), /BEGIN CERTIFICATE/);
  });
});

import type { ProxyPassword } from '../notebook/proxy-password';

/** Keeps the password of the proxy that the setting `proxy` names in VS Code's secret storage. */
export const setProxyPassword = (password: ProxyPassword) => ({
  id: 'sandboxedIPython.setProxyPassword',
  run: (): Promise<void> => password.ask(),
});

import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig, loadEnv } from 'vite';

export default defineConfig(({ mode }) => {
  // Where `npm run dev` finds a running `hd1 serve`.
  const server = loadEnv(mode, '.', 'HD1_')['HD1_SERVER'] ?? 'http://127.0.0.1:8080';
  return {
    plugins: [svelte()],
    build: {
      target: 'es2023',
      // The server's policy allows no data: scripts or styles, and wasm is compiled while it streams: keep files as files.
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
      reportCompressedSize: false,
      rolldownOptions: {
        output: { codeSplitting: { groups: [{ name: 'three', test: /node_modules[\\/]three/ }] } },
      },
      chunkSizeWarningLimit: 900,
    },
    server: {
      proxy: { '/api': server, '/realtime': { target: server, ws: true } },
    },
  };
});

// The page begins here.

import { mount } from 'svelte';

import './app.css';
import './debug';
import App from './ui/App.svelte';

mount(App, { target: document.getElementById('app')! });

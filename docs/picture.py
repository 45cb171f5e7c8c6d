"""Photograph a page for the docs: python docs/picture.py report.html docs/report.png"""
import argparse
import subprocess
import tempfile
from pathlib import Path

from PIL import Image

FLAGS = ('--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--hide-scrollbars',
         '--disable-background-networking', '--disable-component-update', '--disable-sync')


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument('page', type=Path)
    p.add_argument('out', type=Path)
    p.add_argument('--width', type=int, default=1280)
    p.add_argument('--height', type=int, default=1180)
    args = p.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        shot = Path(folder) / 'shot.png'
        subprocess.run(['chromium', *FLAGS, f'--user-data-dir={folder}/profile', f'--screenshot={shot}',
                        f'--window-size={args.width},{args.height}', args.page.resolve().as_uri()], check=True,
                       capture_output=True, timeout=60)
        image = Image.open(shot).convert('RGB')
    image.quantize(256).save(args.out, optimize=True)
    print(f'{args.out}: {args.out.stat().st_size / 1e3:.0f} kB')


if __name__ == '__main__':
    main()

"""A headless Chromium for the tests of pages, or a reason why there is none."""
import shutil
import tempfile

import pytest

FLAGS = ('--headless=new', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--hide-scrollbars',
         '--disable-background-networking', '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage')


def open_browser():
    """A Selenium driver with an empty profile; the test is skipped without Chromium."""
    webdriver = pytest.importorskip('selenium.webdriver', reason='selenium is not installed')
    chromium, driver = shutil.which('chromium'), shutil.which('chromedriver')
    if not chromium or not driver:
        pytest.skip('no chromium and chromedriver here: apt-get install chromium chromium-driver')
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    profile = tempfile.mkdtemp()
    for flag in (*FLAGS, f'--user-data-dir={profile}'):
        options.add_argument(flag)
    options.set_capability('goog:loggingPrefs', {'browser': 'ALL'})
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    browser.profile = profile
    return browser


def set_screen(browser, width, height=900, dark=False):
    size = dict(width=width, height=height, deviceScaleFactor=1, mobile=width < 600)
    browser.execute_cdp_cmd('Emulation.setDeviceMetricsOverride', size)
    scheme = dict(name='prefers-color-scheme', value='dark' if dark else 'light')
    browser.execute_cdp_cmd('Emulation.setEmulatedMedia', dict(features=[scheme]))
